import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../../src/simulator/random.ts'
import { auditCluster } from './audit.ts'
import type { Cluster } from './cluster.ts'
import type { Category, Failures } from './failures.ts'
import { MODEL, MODEL_VERSIONS } from './fixture.ts'
import type { Fixture } from './fixture.ts'
import { ProfileReader, Unreadable } from './profile-reader.ts'
import { Repose } from './repose.ts'
import type { Scenario } from './scenarios.ts'
import { KEYS, ServerProcess, runLimn } from './server-process.ts'
import type { Shopper } from './shopper.ts'
import type { Tallies } from './tally.ts'
import { ANSWER_MS_MAX, Traffic } from './traffic.ts'

/** A kill comes this long after traffic began again … */
const TRAFFIC_MS = { least: 200, most: 2000 }
/** … or this long after the process was started, which may be before it serves. */
const STARTING_MS = { least: 50, most: 1500 }
const KILL_STARTING = 0.15
const STARTS_KILLED_MAX = 5
const STOP_INSTEAD = 0.1
/** The next kill comes without an audit, while clients still send again. */
const KILL_ON = 0.25
const PROMOTE = 0.15
const TRAIN = 0.04
const CHECK_DEAD = 0.1
const TIME_TRAVEL = 0.25
/** Shoppers untouched since the last audit that are audited all the same; many at the end. */
const UNTOUCHED = { round: 20, end: 300 }
const AUDITS_AT_ONCE = 8
/** All answers are due long before. */
const PAUSE_MS_MAX = 60_000

export interface EpochParts {
  readonly name: string
  readonly directory: string
  readonly transport: 'uws' | 'node'
  readonly seed: number
  readonly scenarios: readonly Scenario[]
  /** Acknowledged messages are sent once more. */
  readonly repeats: boolean
  readonly fixture: Fixture
  readonly failures: Failures
  readonly tallies: Tallies
}

/**
 * One data directory from its first start to its last check: traffic, kill, start, audit, again. Ends
 * early when the server does not answer or start. Owns the server's process and the directory, which
 * it removes when nothing was found.
 */
export class Epoch {
  readonly #parts: EpochParts
  readonly #server: ServerProcess
  readonly #traffic: Traffic
  readonly #reader: ProfileReader
  readonly #repose: Repose
  readonly #random: Random
  /** Of its own: how much there is to audit hangs on the timing, the plan of kills does not. */
  readonly #auditRandom: Random
  readonly #env: NodeJS.ProcessEnv
  #kills = 0
  #found = 0
  /** The server does not answer: nothing more can be learned from it. */
  #broken = false

  constructor(parts: EpochParts) {
    this.#parts = parts
    const { directory, seed, name, scenarios, repeats, tallies } = parts
    this.#random = new Random(Math.imul(seed, 104_729))
    this.#auditRandom = new Random(seed)
    this.#env = {
      ...parts.fixture.env,
      LIMN_SERVER_TRANSPORT: parts.transport,
      LIMN_CHECKPOINT_INTERVAL_SECONDS: '1',
      LIMN_BOOTSTRAP_WRITE_KEY: KEYS.write,
      LIMN_BOOTSTRAP_READ_TOKEN: KEYS.read,
      LIMN_BOOTSTRAP_ADMIN_TOKEN: KEYS.admin,
    }
    const report = this.#report.bind(this)
    const server = new ServerProcess(directory, this.#env, (output) => {
      report('process', `start ${server.starts}`, output)
    })
    this.#server = server
    this.#reader = new ProfileReader(async () => (await server.up()).address, ANSWER_MS_MAX)
    this.#repose = new Repose({ server, reader: this.#reader, random: this.#auditRandom, report })
    this.#traffic = new Traffic({
      server,
      model: MODEL,
      name,
      seed,
      scenarios,
      repeats,
      tallies,
      report,
    })
  }

  /** At most so many kills; how many there were. */
  async run(killsMax: number, until: number): Promise<number> {
    if (await this.#start()) {
      this.#traffic.start()
      while (this.#kills < killsMax && performance.now() < until && !this.#broken) {
        await this.#round()
      }
      await this.#finish()
    }
    await this.#server.kill()
    this.#server.abandon()
    await this.#traffic.end()
    this.#reader.close()
    if (this.#found === 0) rmSync(this.#parts.directory, { recursive: true, force: true })
    return this.#kills
  }

  async #round(): Promise<void> {
    const random = this.#random
    this.#traffic.resume()
    const beside = this.#beside()
    await sleep(between(TRAFFIC_MS, random))
    await this.#countWork()
    if (random.next() < STOP_INSTEAD) await this.#stop()
    else await this.#kill()
    if (random.next() < CHECK_DEAD) await this.#check()
    await beside
    if (!(await this.#start())) return
    if (random.next() < KILL_ON) return
    await this.#audit(UNTOUCHED.round)
  }

  /** Model versions change, or are trained, while events come in. */
  async #beside(): Promise<void> {
    const { tallies } = this.#parts
    const what = this.#random.next()
    if (what < PROMOTE) {
      const version = String(1 + this.#random.integer(MODEL_VERSIONS))
      await this.#command('promotions', ['models', 'promote', MODEL, version])
    } else if (what < PROMOTE + TRAIN && tallies.get('kills') > 0) {
      const { directory } = this.#parts
      // There may be too little to learn from; that it disturbs nobody is what counts.
      await this.#command('trainings', ['train', MODEL, '--data', directory, '--candidate'], false)
    }
  }

  async #command(tally: 'promotions' | 'trainings', words: string[], must = true): Promise<void> {
    const { code, stderr } = await runLimn(words, this.#env)
    if (code === 0 || !must) this.#parts.tallies.add(tally)
    else this.#report('process', `limn ${words.join(' ')}`, `ended with ${code}: ${stderr}`)
  }

  /** Counters begin anew with each process, so they are read before its end. */
  async #countWork(): Promise<void> {
    const { tallies } = this.#parts
    try {
      for (const [tally, name] of COUNTERS) {
        const values = await this.#reader.metric(name)
        tallies.add(
          tally,
          values.reduce((sum, value) => sum + value, 0),
        )
      }
    } catch (error) {
      this.#unanswered('/metrics', error)
    }
  }

  async #kill(): Promise<void> {
    this.#kills++
    this.#parts.tallies.add('kills')
    await this.#server.kill()
  }

  async #stop(): Promise<void> {
    this.#parts.tallies.add('stops')
    await this.#repose.stop()
  }

  async #start(): Promise<boolean> {
    for (let killed = 0; ; killed++) {
      const started = this.#server.spawn()
      if (killed < STARTS_KILLED_MAX && this.#random.next() < KILL_STARTING) {
        let serves = false
        const over = started.then(
          () => (serves = true),
          () => undefined,
        )
        await sleep(between(STARTING_MS, this.#random))
        if (!serves) this.#parts.tallies.add('killsStarting')
        await this.#kill()
        await over
        continue
      }
      try {
        await started
        return true
      } catch (error) {
        this.#report('process', `start ${this.#server.starts}`, String(error))
        this.#broken = true
        return false
      }
    }
  }

  async #audit(untouched: number): Promise<void> {
    const paused = await Promise.race([
      this.#traffic.pause().then(() => true),
      sleep(PAUSE_MS_MAX, false, { ref: false }),
    ])
    if (!paused) return this.#unanswered('traffic', new Error('clients still wait for answers'))
    this.#parts.tallies.add('audits')
    const shoppers = new Set(this.#traffic.takeTouched())
    const all = this.#traffic.shoppers
    for (let i = 0; i < Math.min(untouched, all.length); i++) {
      shoppers.add(all[this.#auditRandom.integer(all.length)])
    }
    await this.#auditAll([...shoppers].filter(({ cluster }) => !cluster.stuck))
  }

  async #auditAll(shoppers: Shopper[]): Promise<void> {
    const work = async (): Promise<void> => {
      for (let shopper = shoppers.pop(); shopper !== undefined; shopper = shoppers.pop()) {
        const timeTravel = this.#auditRandom.next() < TIME_TRAVEL
        await this.#auditOne(shopper.cluster, timeTravel)
      }
    }
    try {
      await Promise.all(Array.from({ length: AUDITS_AT_ONCE }, work))
    } catch (error) {
      shoppers.length = 0
      this.#unanswered('audit', error)
    }
  }

  async #auditOne(cluster: Cluster, timeTravel: boolean): Promise<void> {
    const report = this.#report.bind(this)
    try {
      await auditCluster(cluster, this.#reader, report, { timeTravel })
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      report('unreadable', cluster.name, error.message)
    }
  }

  async #finish(): Promise<void> {
    if (!this.#broken) await this.#audit(UNTOUCHED.end)
    if (!this.#broken) {
      try {
        await this.#repose.rest(this.#traffic.shoppers)
        await this.#countWork()
      } catch (error) {
        this.#unanswered('rest', error)
      }
    }
    await this.#stop()
    await this.#check()
  }

  async #check(): Promise<void> {
    const { directory } = this.#parts
    const words = ['check', '--json', '--data', directory]
    const { code, stdout, stderr } = await runLimn(words, this.#env)
    if (code === 0) return
    this.#report('check', `limn check after ${this.#kills} kills`, `${code}: ${stdout}${stderr}`)
  }

  #unanswered(subject: string, error: unknown): void {
    this.#report('unanswered', subject, String(error))
  }

  #report(category: Category, subject: string, detail: string): void {
    const { directory, failures } = this.#parts
    if (category === 'unanswered') this.#broken = true
    this.#found++
    failures.report({ category, subject, detail, directory, kills: this.#kills })
  }
}

const COUNTERS = [
  ['timersFired', 'limn_timers_fired_total'],
  ['checkpoints', 'limn_checkpoints_total'],
] as const

function between({ least, most }: { least: number; most: number }, random: Random): number {
  return least + random.next() * (most - least)
}
