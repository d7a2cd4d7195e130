import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../../src/simulator/random.ts'
import { runLimn } from './server-process.ts'

export const MODEL = 'purchase'
export const MODEL_VERSIONS = 2
/** The state in which silence leaves the machine. */
export const RESTING_STATE = 'resting'

const PROFILE = `
traits:
  events: { part: behaviour, op: count, on: '*' }
  views: { part: behaviour, op: count, on: Product Viewed }
  views_30d: { part: behaviour, op: count, on: Product Viewed, window: 30d }
  logins: { part: behaviour, op: count, on: identify }
  orders: { part: consumption, op: count, on: Order Completed }
  spend: { part: consumption, op: sum, on: Order Completed, value: revenue }
  price: { part: interests, op: mean, on: Product Viewed, value: price }
segments:
  awake: { when: "machine.pulse != '${RESTING_STATE}'" }
  buyers: { when: orders >= 1 }
machines: [pulse.yaml]
models:
  ${MODEL}:
    target: { event: Order Completed, within: 24h }
    learners: [logistic]
    search: { trials: 0 }
`

/** Changes twice by time alone, so that silence makes timer records. */
const MACHINE = `
id: pulse
initial: ${RESTING_STATE}
states:
  ${RESTING_STATE}:
    on: { Product Viewed: beating }
  beating:
    on: { Product Viewed: { target: beating, reenter: true } }
    after: { 400ms: slowing }
  slowing:
    on: { Product Viewed: beating }
    after: { 700ms: ${RESTING_STATE} }
`

const SHOPPERS = 150
const DAYS = 10
const DAY_MS = 86_400_000

/** What all servers of a campaign share. */
export interface Fixture {
  readonly env: Readonly<Record<string, string>>
}

/** Profile definition and two versions of a model, trained on made-up history. */
export async function makeFixture(directory: string, seed: number): Promise<Fixture> {
  mkdirSync(directory, { recursive: true })
  const profile = join(directory, 'profile.yaml')
  writeFileSync(profile, PROFILE)
  writeFileSync(join(directory, 'pulse.yaml'), MACHINE)
  const history = join(directory, 'history.ndjson')
  writeFileSync(history, historyLines(seed).join('\n'))
  const env = {
    LIMN_PROFILE_FILE: profile,
    LIMN_MODELS_DIR: join(directory, 'models'),
    LIMN_STORAGE_SHARDS: '2',
    LIMN_LOG_LEVEL: 'warn',
  }
  const data = join(directory, 'training')
  const train = ['train', MODEL, '--data', data]
  const commands = [
    ['import', history, '--data', data],
    train,
    [...train, '--seed', '2', '--candidate'],
  ]
  for (const words of commands) {
    const { code, stdout, stderr } = await runLimn(words, env)
    if (code !== 0)
      throw new Error(`limn ${words.join(' ')} ended with ${code}: ${stdout}${stderr}`)
  }
  return { env }
}

/** Shoppers of whom some look much before they buy. */
function historyLines(seed: number): string[] {
  const random = new Random(seed)
  const start = Date.now() - DAYS * DAY_MS
  const events: { time: number; line: string }[] = []
  for (let shopper = 0; shopper < SHOPPERS; shopper++) {
    for (let day = 0; day < DAYS; day++) {
      const views = random.integer(4)
      const buys = random.next() < views / 5
      for (let i = 0; i < views + (buys ? 1 : 0); i++) {
        const time = Math.floor(start + (day + 0.2 + random.next() * 0.01 + i * 0.01) * DAY_MS)
        const event = i < views ? 'Product Viewed' : 'Order Completed'
        const properties = i < views ? { price: 10 + random.integer(90) } : { revenue: 30 }
        const timestamp = new Date(time).toISOString()
        const messageId = `h-${shopper}-${day}-${i}`
        const userId = `buyer-${shopper}`
        const message = { type: 'track', messageId, userId, event, properties, timestamp }
        events.push({ time, line: JSON.stringify(message) })
      }
    }
  }
  return events.sort((a, b) => a.time - b.time).map(({ line }) => line)
}
