import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProtocolReport } from '../../quality/report.ts'
import { makeParetoNbd } from '../model/learners/made-customers.ts'

const RUN = resolve(import.meta.dirname, '../../dist/quality/run.js')
const DAY_MS = 86_400_000
const START = Date.UTC(1997, 0, 1)
const run = promisify(execFile)
let data = ''

beforeAll(() => {
  data = mkdtempSync(join(tmpdir(), 'limn-quality-'))
  mkdirSync(join(data, 'cdnow'))
  writeFileSync(join(data, 'cdnow', 'made.txt'), madePurchases())
})

afterAll(() => rmSync(data, { recursive: true }))

/** A run is long enough to be looked at by several tests. */
const firstRun = once(() => run('node', [RUN, '--data', data, '--json', '--write', fileWritten()]))

test('reads a data set, and writes its figures as JSON and as Markdown', async () => {
  const { stdout, stderr } = await firstRun()
  const { reports } = JSON.parse(stdout) as { reports: ProtocolReport[] }
  expect(reports.map(({ name }) => name)).toEqual(['cdnow'])
  expect(stderr).toContain('card_fraud: left out')

  const section = reports[0].sections.find(({ title }) => title.includes('from weeks 1 to 39'))
  const own = section?.rows.find(({ label, origin }) => label === 'Pareto/NBD' && origin === 'limn')
  const [mae, rmse, pearson, auc] = own?.values ?? []
  expect(mae).toBeGreaterThan(0)
  expect(rmse).toBeGreaterThan(mae ?? 0)
  expect(pearson).toBeGreaterThan(0.4)
  expect(auc).toBeGreaterThan(0.7)

  const text = readFileSync(fileWritten(), 'utf8')
  expect(text).toContain('## Repeat purchases: CDNOW')
  expect(text).toContain(`| Repeat purchases: CDNOW | ${section?.title}: MAE | 0.755 |`)
  expect(text).toMatch(/\| Pareto\/NBD \| limn \|( \d+\.\d{4} \|){4} -\d+\.\d{3} \|/)
  const shown = [mae, rmse, pearson, auc].map((value) => value?.toFixed(3))
  expect(text).toContain(`| Pareto/NBD | limn | ${shown.join(' | ')} |`)
})

test('is deterministic, but for the seconds', async () => {
  const figures = ({ stdout }: { stdout: string }): unknown => {
    return JSON.parse(stdout.replace(/"seconds": [\d.e-]+/g, '"seconds": 0'))
  }
  const again = await run('node', [RUN, '--data', data, '--only', 'cdnow', '--json'])
  expect(figures(again)).toEqual(figures(await firstRun()))
})

test('says what is wrong with its options', async () => {
  await expect(run('node', [RUN])).rejects.toMatchObject({ code: 1, stderr: /--data/ })
  await expect(run('node', [RUN, '--data', data, '--only', 'other'])).rejects.toMatchObject({
    code: 1,
    stderr: /there is no other; there are: online_shoppers/,
  })
})

function fileWritten(): string {
  return join(data, 'quality.md')
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null
  return () => (made ??= { value: make() }).value
}

/** In the layout of the CDNOW sample; purchases are spread evenly between the first and the last. */
function madePurchases(): string {
  const horizon = 39
  const truth = { r: 0.8, alpha: 8, s: 0.6, beta: 12 }
  const { rows, labels, count } = makeParetoNbd(truth, { count: 400, seed: 1, horizon, age: 38 })
  const lines: string[] = []
  for (let customer = 0; customer < count; customer++) {
    const [frequency, recency, age] = rows.subarray(customer * 3, customer * 3 + 3)
    const first = 38.9 - age
    const weeks = [first]
    for (let i = 1; i <= frequency; i++) weeks.push(first + (recency * i) / frequency)
    for (let i = 1; i <= labels[customer]; i++) weeks.push(39.2 + (i * 38) / (labels[customer] + 1))
    for (const week of weeks) lines.push(purchaseLine(customer + 1, week))
  }
  return lines.join('\n')
}

function purchaseLine(customer: number, week: number): string {
  const date = new Date(START + Math.floor(week * 7) * DAY_MS).toISOString().slice(0, 10)
  const id = String(customer).padStart(5, '0')
  return ` ${id} ${id.slice(1)} ${date.replaceAll('-', '')}  1   ${(10 + customer / 10).toFixed(2)}`
}
