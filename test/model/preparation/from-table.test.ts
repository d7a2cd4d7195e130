import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fitInputPreparation } from '../../../src/model/preparation/fit-preparation.ts'
import { InputPreparation } from '../../../src/model/preparation/input-preparation.ts'
import { Random } from '../../../src/model/random.ts'
import { readTable, readTableAs } from '../../../src/model/table/read-table.ts'
import type { TableSchema } from '../../../src/model/table/schema.ts'

test('rows of a later table, with its columns in another order, have the inputs that they would have had', async () => {
  const random = new Random(3)
  const rows = Array.from({ length: 400 }, (_, i) => ({
    spend: i % 11 === 0 ? 'NA' : Math.exp(2 * random.normal()).toFixed(3),
    channel: ['ad', 'mail', 'search'][Math.floor(random.next() * 3)],
    seen: `2024-03-${String(1 + (i % 30)).padStart(2, '0')}T${String(i % 24).padStart(2, '0')}:30`,
    buys: random.next() < 0.3 ? 'yes' : 'no',
  }))
  const names = ['spend', 'channel', 'seen', 'buys'] as const
  const csv = (columns: readonly (typeof names)[number][], some: typeof rows) =>
    [columns.join(','), ...some.map((row) => columns.map((name) => row[name]).join(','))].join('\n')
  const folder = mkdtempSync(join(tmpdir(), 'limn-prepared-'))
  try {
    const [first, later] = ['first.csv', 'later.csv'].map((name) => join(folder, name))
    writeFileSync(first, csv(names, rows))
    writeFileSync(later, csv(['seen', 'channel', 'spend'], rows.slice(100, 150)))
    const table = await readTable(first, { label: { name: 'buys' } })
    const crosses = [['spend', 'channel']] as const
    const fitted = fitInputPreparation(table, table.columns, { form: 'dense', crosses })
    const saved = JSON.stringify({ schema: table.schema, preparation: fitted.save().description })
    const { bytes } = fitted.save()

    const kept = JSON.parse(saved) as { schema: TableSchema; preparation: Record<string, unknown> }
    const preparation = InputPreparation.load({ description: kept.preparation, bytes })
    const again = await readTableAs(later, kept.schema, { labels: 'none' })
    const inputs = new Float32Array(again.count * preparation.width)
    preparation.prepare(again.rows, again.count, inputs)
    const all = new Float32Array(table.count * fitted.width)
    fitted.prepare(table.rows, table.count, all)
    expect(inputs).toEqual(all.slice(100 * fitted.width, 150 * fitted.width))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
