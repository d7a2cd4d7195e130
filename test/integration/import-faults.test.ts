import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { temporaryDirectory } from './server.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const LIMN = join(ROOT, 'dist/src/cli/limn.js')
const MAP = join(ROOT, 'config/maps/online-retail.yaml')
const HEADER = 'invoice,stock_code,quantity,ts,price,customer_id,country'

const directory = temporaryDirectory()
afterAll(() => directory.remove())

interface Outcome {
  readonly exit: number
  readonly output: string
}

async function limn(...args: string[]): Promise<Outcome> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [LIMN, ...args])
    return { exit: 0, output: stdout }
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string }
    return { exit: code, output: stdout }
  }
}

function file(name: string, content: string | Buffer): string {
  if (!existsSync(directory.path)) mkdirSync(directory.path)
  const path = join(directory.path, name)
  writeFileSync(path, content)
  return path
}

function messages(user: string, count: number): string {
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      type: 'track',
      userId: user,
      messageId: `${user}-${i}`,
      event: 'Product Viewed',
      timestamp: new Date(Date.UTC(2024, 0, 1) + i * 60_000).toISOString(),
      properties: { product_id: `p${i}`, note: String(Math.sin(i)) },
    }),
  )
  return `${lines.join('\n')}\n`
}

test('a broken gzip file: what could be read is imported, the next file too, exit 1', async () => {
  const packed = gzipSync(messages('cut', 20_000))
  const cut = file('cut.ndjson.gz', packed.subarray(0, packed.length >> 1))
  const whole = file('whole.ndjson', messages('whole', 10))
  const dataDir = join(directory.path, 'gzip')
  const { exit, output } = await limn('import', cut, whole, '--data', dataDir, '--json')
  const report = JSON.parse(output) as Record<string, unknown> & {
    accepted: number
    failed: { file: string; code: string; events: number }[]
  }
  expect(exit).toBe(1)
  expect(report).toMatchObject({ files: 1, failed: [{ file: 'cut.ndjson.gz' }] })
  const [failed] = report.failed
  expect(failed?.code).toBe('ERR_IMPORT_GZIP')
  expect(failed?.events).toBeGreaterThan(100)
  expect(report.accepted).toBe((failed?.events ?? 0) + 10)
  const profile = await limn('profile', 'whole', '--data', dataDir, '--json')
  expect(profile.exit).toBe(0)
  expect(profile.output).toContain('"events": 10')
})

test('a file with other columns does not end the import of the others', async () => {
  const row = '500001,S1,2,2010-01-04 08:00,1.5,12001,United Kingdom'
  const wrong = file('wrong.csv', 'a,b\n1,2\n')
  const right = file('right.csv', `${HEADER}\n${row}\n`)
  const dataDir = join(directory.path, 'header')
  const args = ['import', wrong, right, '--map', MAP, '--data', dataDir]
  const { exit, output } = await limn(...args)
  expect(exit).toBe(1)
  expect(output).toMatch(/^1 files, 1 rows/)
  expect(output).toMatch(/FAILED ERR_IMPORT_HEADER: wrong\.csv: .*; 0 events before it/)
  const profile = await limn('profile', '12001', '--data', dataDir, '--json')
  expect(profile.exit).toBe(0)
})
