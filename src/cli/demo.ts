import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Option } from 'commander'
import type { Command } from 'commander'
import { ShardStore } from '../journal/shard-store.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { startServer } from '../main.ts'
import type { Server } from '../main.ts'
import { binaryMetrics } from '../model/evaluation/metrics.ts'
import type { BinaryMetrics } from '../model/evaluation/metrics.ts'
import type { JournalTrainingResult } from '../model/training/train-on-journal.ts'
import { createLogger } from '../observe/log.ts'
import { LimnError } from '../protocol/errors.ts'
import { Shop } from '../simulator/shop.ts'
import type { ShopEvent } from '../simulator/shop.ts'
import { StreamClient } from '../simulator/stream-client.ts'
import { command, endProcess, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions, Settings } from './context.ts'
import { Progress, format } from './progress.ts'
import { stopOnSignal } from './serve.ts'
import { modelRequest, withTrainer } from './training.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const HISTORY_DAYS = 45
/** Where the simulated shop's calendar begins: a Monday. */
const START_TIME = Date.UTC(2026, 0, 5)
const MODEL = 'purchase'
const LIVE_EVENTS_A_SECOND = 25
const LIVE_ONCE_EVENTS = 200
const SHOPPERS_SHOWN = 5

interface DemoOptions extends CommonOptions {
  readonly once?: boolean
  readonly events: string
  readonly seed: string
  readonly port?: string
}

interface History {
  readonly events: number
  readonly seconds: number
  readonly client: StreamClient
  /** Chance of an order within 24 h after each event, by the number in its message id. */
  readonly truth: Float32Array
}

export function demoCommand(): Command {
  return command('demo', 'a server and a simulated shop: history, training, live predictions', true)
    .addOption(new Option('--once', 'stop by itself with a summary'))
    .option('--events <n>', 'events of history', '150000')
    .option('--seed <n>', 'seed of the simulated shop', '1')
    .option('--port <port>', 'TCP port (default: 8080, or a free one with --once)')
    .action(demo)
}

async function demo(options: DemoOptions): Promise<void> {
  const events = wholeNumber('--events', options.events, 2_000)
  const seed = wholeNumber('--seed', options.seed, 0)
  const temporary = options.data === undefined ? mkdtempSync(join(tmpdir(), 'limn-demo-')) : null
  const port =
    options.port === undefined ? (options.once === true ? 0 : undefined) : Number(options.port)
  const settings = loadSettings(
    { ...options, data: options.data ?? temporary ?? '' },
    { server: { port } },
  )
  const log = createLogger({
    level: settings.config.log.level === 'info' ? 'warn' : settings.config.log.level,
  })
  const server = await startServer({ ...settings, log, onFatal: endProcess })
  const stop = async (): Promise<void> => {
    await server.stop()
    if (temporary !== null) rmSync(temporary, { recursive: true, force: true })
  }
  try {
    const keys = demoKeys(server)
    say(options, `Limn serves at ${server.address}; a simulated shop (seed ${seed}) begins to send`)
    const shop = new DemoShop(seed, events)
    const history = await sendHistory(server, shop, keys.write, events)
    await server.engine.shards.checkpoint()
    const trained = await train(settings, seed)
    await server.engine.models.look()
    const summary = await summarize(settings, server, history, trained)
    if (options.once === true) {
      await live(server, shop, keys.write, LIVE_ONCE_EVENTS)
      const shoppers = await shownShoppers(server, shop, keys.read)
      report(options, { ...summary, shoppers })
      await stop()
      return
    }
    report(options, { ...summary, shoppers: await shownShoppers(server, shop, keys.read) })
    print(`\nThe console is live at ${server.address}/#token=${keys.read}\nCtrl-C stops the demo.`)
    stopOnSignal(stop)
    await live(server, shop, keys.write, Number.POSITIVE_INFINITY)
  } catch (error) {
    await stop()
    throw error
  }
}

/** The demo makes its own keys, whatever the data directory has. */
function demoKeys(server: Server): { write: string; read: string } {
  const write = server.keys.create({ name: 'demo', scope: 'write' }).text
  const read = server.keys.create({ name: 'demo', scope: 'read' }).text
  return { write, read }
}

/**
 * The simulated shop, sized so that its history has about the asked number of events. It lives on a
 * calendar of its own, so that a seed always gives the same shop; its messages are moved by whole
 * hours, such that the history ends within the last one.
 */
class DemoShop {
  readonly seen = new Map<string, ShopEvent>()
  private readonly shop: Shop
  private readonly endTime = START_TIME + HISTORY_DAYS * DAY_MS
  private readonly shiftMs = Math.floor((Date.now() - this.endTime) / HOUR_MS) * HOUR_MS

  constructor(seed: number, events: number) {
    const startTime = START_TIME
    const trial = new Shop({ seed, shoppers: TRIAL_SHOPPERS, startTime })
    let trialEvents = 0
    while (trial.next().time < startTime + TRIAL_DAYS * DAY_MS) trialEvents++
    const eventsOfShopper = (trialEvents / TRIAL_SHOPPERS / TRIAL_DAYS) * HISTORY_DAYS
    const shoppers = Math.max(20, Math.round(events / eventsOfShopper))
    this.shop = new Shop({ seed, shoppers, startTime })
  }

  /** The next event of the past, or null when the present is reached. */
  nextOfHistory(): ShopEvent | null {
    const event = this.shop.next()
    this.remember(event)
    if (event.time >= this.endTime) return null
    const timestamp = new Date(event.time + this.shiftMs).toISOString()
    return { ...event, message: { ...event.message, timestamp } }
  }

  next(): ShopEvent {
    const event = this.shop.next()
    this.remember(event)
    return event
  }

  private remember(event: ShopEvent): void {
    const { userId } = event.message
    if (typeof userId !== 'string') return
    this.seen.delete(userId)
    this.seen.set(userId, event)
    if (this.seen.size > SEEN_MAX) this.seen.delete(String(this.seen.keys().next().value))
  }
}

const TRIAL_SHOPPERS = 300
const TRIAL_DAYS = 10
const SEEN_MAX = 50

async function sendHistory(
  server: Server,
  shop: DemoShop,
  writeKey: string,
  events: number,
): Promise<History> {
  const client = new StreamClient({
    address: server.address,
    writeKey,
    history: true,
    eventsPerFrame: 200,
  })
  const progress = new Progress('history', 'events')
  const started = performance.now()
  let truth = new Float32Array(events * 2)
  for (let event = shop.nextOfHistory(); event !== null; event = shop.nextOfHistory()) {
    const number = numberOf(event.message)
    if (number >= truth.length) {
      const grown = new Float32Array(number * 2)
      grown.set(truth)
      truth = grown
    }
    truth[number] = event.truth
    await client.send(event.message)
    progress.update(client.sent, events)
  }
  await client.drain()
  client.close()
  progress.finish(client.acknowledged)
  return { events: client.sent, seconds: (performance.now() - started) / 1000, client, truth }
}

/** `sim-<seed>-<n>` → n */
function numberOf(message: Readonly<Record<string, unknown>>): number {
  return Number(String(message.messageId).split('-').pop())
}

function train(settings: Settings, seed: number): Promise<JournalTrainingResult> {
  return withTrainer((trainer, run) => {
    const request = modelRequest(settings, MODEL, seed)
    return trainer.train({ ...request, learners: [], promote: true }, run)
  })
}

interface Summary {
  readonly sent: number
  readonly acknowledged: number
  readonly rejected: number
  readonly profiles: number
  readonly eventsPerSecond: number
  readonly latencyMs: { readonly p50: number; readonly p99: number }
  readonly model: {
    readonly version: number
    readonly learner: string
    readonly metrics: BinaryMetrics
    readonly seconds: JournalTrainingResult['seconds']
  }
  /** The same rows scored with the simulator's own knowledge of each shopper's hidden state. */
  readonly bestPossible: BinaryMetrics
}

async function summarize(
  settings: Settings,
  server: Server,
  history: History,
  trained: JournalTrainingResult,
): Promise<Summary> {
  const { client } = history
  const stats = await server.engine.shards.stats()
  const { manifest, holdout } = trained
  const known = truthOf(settings, history, trained)
  const threshold = manifest.threshold ?? 0.5
  return {
    sent: client.sent,
    acknowledged: client.acknowledged,
    rejected: client.rejected,
    profiles: stats.reduce((sum, shard) => sum + (shard.gauges.profiles ?? 0), 0),
    eventsPerSecond: history.events / history.seconds,
    latencyMs: {
      p50: client.latency.getValueAtPercentile(50) / 1000,
      p99: client.latency.getValueAtPercentile(99) / 1000,
    },
    model: {
      version: manifest.version,
      learner: manifest.learner,
      metrics: binaryMetrics(holdout.predictions, holdout.labels, threshold),
      seconds: trained.seconds,
    },
    bestPossible: binaryMetrics(known, holdout.labels, threshold),
  }
}

/** The true chance of each held-out row, found by the message id of the row's record. */
function truthOf(
  settings: Settings,
  history: History,
  { holdout }: JournalTrainingResult,
): Float32Array {
  const { dir, shards } = settings.config.storage
  const known = new Float32Array(holdout.labels.length)
  const cursor = new RecordCursor()
  for (let shard = 0; shard < shards; shard++) {
    const options = { shard, shardCount: shards, deadLettersMax: 0, readOnly: true }
    const store = ShardStore.open(join(dir, `shard-${shard}`), options)
    for (let row = 0; row < known.length; row++) {
      if (holdout.shards[row] !== shard) continue
      const record = store.readRecord(holdout.sequences[row])
      if (record === null)
        throw new LimnError('ERR_INTERNAL', `no record at ${holdout.sequences[row]}`)
      known[row] =
        history.truth[
          Number(cursor.over(record.bytes).at(record.offset).messageId.split('-').pop())
        ]
    }
    store.close().catch(() => undefined)
  }
  return known
}

/** Sends what the shop does from now on, at a steady pace and with the present time. */
async function live(
  server: Server,
  shop: DemoShop,
  writeKey: string,
  events: number,
): Promise<void> {
  const client = new StreamClient({
    address: server.address,
    writeKey,
    history: false,
    eventsPerFrame: 1,
  })
  for (let sent = 0; sent < events; sent++) {
    const { message } = shop.next()
    await client.send({ ...message, timestamp: new Date().toISOString() })
    await new Promise((resolve) => setTimeout(resolve, 1000 / LIVE_EVENTS_A_SECOND))
  }
  await client.drain()
  client.close()
}

interface ShownShopper {
  readonly id: string
  readonly score: number | null
  readonly orders: unknown
  readonly spend: unknown
  readonly session: unknown
}

/** Shoppers that were seen last, over the public interface. */
async function shownShoppers(
  server: Server,
  shop: DemoShop,
  readToken: string,
): Promise<ShownShopper[]> {
  const headers = { authorization: `Bearer ${readToken}` }
  const get = async (path: string): Promise<Record<string, Record<string, unknown>>> => {
    const response = await fetch(server.address + path, { headers })
    return (await response.json()) as Record<string, Record<string, unknown>>
  }
  const shown: ShownShopper[] = []
  for (const id of [...shop.seen.keys()].reverse().slice(0, SHOPPERS_SHOWN)) {
    const path = `/v1/profiles/${encodeURIComponent(id)}`
    const [profile, prediction] = [await get(path), await get(`${path}/predictions/${MODEL}`)]
    const score = typeof prediction.score === 'number' ? prediction.score : null
    const { orders, spend } = profile.consumption ?? {}
    shown.push({ id, score, orders, spend, session: profile.machines?.session })
  }
  return shown
}

function report(
  options: DemoOptions,
  summary: Summary & { shoppers: readonly ShownShopper[] },
): void {
  if (options.json === true) return printJson(summary)
  const { model, bestPossible } = summary
  print('')
  print(
    `events     ${format(summary.sent)} sent, ${format(summary.acknowledged)} acknowledged, ${format(summary.rejected)} rejected`,
  )
  print(`profiles   ${format(summary.profiles)}`)
  print(
    `rate       ${format(Math.round(summary.eventsPerSecond))} events/s, acknowledged after durability in p50 ${summary.latencyMs.p50.toFixed(1)} ms, p99 ${summary.latencyMs.p99.toFixed(1)} ms (frames of 200)`,
  )
  print(
    `model      purchase within 24 h, version ${model.version} (${model.learner}), ${format(model.metrics.rows)} held-out rows, ${((100 * model.metrics.positives) / model.metrics.rows).toFixed(1)} % bought`,
  )
  print(`           this model     ${quality(model.metrics)}`)
  print(`           best possible  ${quality(bestPossible)}   (knows each shopper's hidden intent)`)
  const { replay, fit } = model.seconds
  print(
    `           trained in ${(replay + fit).toFixed(1)} s, ${replay.toFixed(1)} s of them replay`,
  )
  print('shoppers   seen last, with their chance to buy within 24 h')
  for (const { id, score, orders, spend, session } of summary.shoppers) {
    const chance = score === null ? 'none' : `${(100 * score).toFixed(1)} %`
    print(
      `           ${id.padEnd(20)} ${chance.padStart(7)}   orders ${orders}, spend ${spend}, session ${session}`,
    )
  }
}

function quality({ rocAuc, logLoss, ece }: BinaryMetrics): string {
  return `ROC AUC ${rocAuc.toFixed(4)}   log loss ${logLoss.toFixed(4)}   calibration error ${ece.toFixed(4)}`
}

/** With --json, standard output is one document. */
function say(options: DemoOptions, text: string): void {
  if (options.json === true) process.stderr.write(`${text}\n`)
  else print(text)
}

function wholeNumber(option: string, text: string, minimum: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= minimum) return value
  throw new LimnError(
    'ERR_CLI_OPTION',
    `${option} takes a whole number of at least ${minimum}, found "${text}"`,
  )
}
