/**
 * How good are the models on public data, beside published figures and plain baselines?
 *
 * Each protocol reads one data set, splits it as its table says, fits baselines and learners, and
 * judges them on rows that none of them has seen. Not measured: speed, which is for benchmarks.
 *
 * `npm run quality -- --data <directory> [--only name,...] [--seed N] [--json] [--write file]`
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cardFraud } from './card-fraud.ts'
import { cdnow } from './cdnow.ts'
import { eshop } from './eshop.ts'
import { onlineRetail } from './online-retail.ts'
import { onlineShoppers } from './online-shoppers.ts'
import type { Protocol } from './protocol.ts'
import { renderDocument, renderReport } from './report.ts'
import type { ProtocolReport } from './report.ts'

const PROTOCOLS: readonly Protocol[] = [onlineShoppers, cdnow, onlineRetail, cardFraud, eshop]

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean' },
    write: { type: 'string' },
  },
})

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

function fail(text: string): never {
  say(`quality: ${text}`)
  process.exit(1)
}

function chosen(): readonly Protocol[] {
  const only = options.only?.split(',')
  const unknown = only?.filter((name) => PROTOCOLS.every((protocol) => protocol.name !== name))
  if (unknown !== undefined && unknown.length > 0) {
    const known = PROTOCOLS.map(({ name }) => name).join(', ')
    fail(`there is no ${unknown.join(', ')}; there are: ${known}`)
  }
  return PROTOCOLS.filter(({ name }) => only?.includes(name) ?? true)
}

const { data, write } = options
if (data === undefined) fail('--data <directory> is missing')
const seed = Number(options.seed)
if (!Number.isInteger(seed)) fail(`--seed ${options.seed} is not a whole number`)

const reports: ProtocolReport[] = []
for (const protocol of chosen()) {
  const folder = join(data, protocol.folder)
  if (!existsSync(folder)) {
    say(`${protocol.name}: left out, there is no folder ${protocol.folder}`)
    continue
  }
  const started = performance.now()
  say(`== ${protocol.name}`)
  const sections = await protocol.run({ folder, seed, say: (text) => say(`  ${text}`) })
  const { name, title, description, goals } = protocol
  const report = { name, title, description, sections, goals }
  reports.push(report)
  say(`${name}: ${((performance.now() - started) / 1000).toFixed(0)} s`)
  if (options.json !== true) process.stdout.write(`${renderReport(report)}\n`)
}
if (options.json === true) process.stdout.write(`${JSON.stringify({ seed, reports }, null, 2)}\n`)
if (write !== undefined) writeFileSync(write, renderDocument(reports))
