import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../src/simulator/random.ts'
import type { Report } from './audit.ts'
import { RESTING_STATE } from './fixture.ts'
import type { ProfileId } from './identity-ledger.ts'
import { Unreadable } from './profile-reader.ts'
import type { ProfileReader } from './profile-reader.ts'
import type { ServerProcess } from './server-process.ts'
import type { Shopper } from './shopper.ts'

const POLL_MS = 250
const STOP_MS_MAX = 4000
/** A server that has answered everything soon takes less of a processor than this. */
const PROCESSOR = { shareMax: 0.4, windowMs: 500, tries: 20 }
const JOINS_WAIT_MS_MAX = 10_000
/** Longer than the server's timers rest after history came in. */
const TIMERS_WAIT_MS_MAX = 25_000
const TIMERS_SHOPPERS = 60

export interface ReposeParts {
  readonly server: ServerProcess
  readonly reader: ProfileReader
  readonly random: Random
  readonly report: Report
}

/** What a server must come to when nothing is asked of it, and how it must end when told to. */
export class Repose {
  readonly #parts: ReposeParts

  constructor(parts: ReposeParts) {
    this.#parts = parts
  }

  /** Nothing may be under way. */
  async rest(shoppers: readonly Shopper[]): Promise<void> {
    await this.#noJoinsPending()
    await this.#processorFree()
    await this.#timersFire(shoppers)
  }

  /** SIGTERM: exit 0, soon. */
  async stop(): Promise<void> {
    const { server, report } = this.#parts
    const { code, milliseconds } = await server.stop()
    const subject = `stop of start ${server.starts}`
    if (code !== 0) report('process', subject, `exit ${code} after SIGTERM`)
    if (milliseconds <= STOP_MS_MAX) return
    report('quiet', subject, `took ${Math.round(milliseconds)} ms; allowed ${STOP_MS_MAX}`)
  }

  async #noJoinsPending(): Promise<void> {
    const { reader, server, report } = this.#parts
    let pending = 0
    for (let waited = 0; waited <= JOINS_WAIT_MS_MAX; waited += POLL_MS) {
      const values = await reader.metric('limn_joins_pending')
      pending = values.reduce((sum, value) => sum + value, 0)
      if (pending === 0) return
      await sleep(POLL_MS)
    }
    report('quiet', `joins of start ${server.starts}`, `${pending} are pending, all is answered`)
  }

  async #processorFree(): Promise<void> {
    const { server, report } = this.#parts
    const { shareMax, windowMs, tries } = PROCESSOR
    let share = 0
    for (let i = 0; i < tries; i++) {
      share = await server.busy(windowMs)
      if (share < shareMax) return
    }
    const detail = `takes ${share.toFixed(2)} of a processor, nothing is asked of it`
    report('quiet', `processor of start ${server.starts}`, detail)
  }

  /** Everybody is silent: in the end, time alone has brought each machine to rest. */
  async #timersFire(shoppers: readonly Shopper[]): Promise<void> {
    const { report } = this.#parts
    let moving = this.#someRoots(shoppers)
    for (let waited = 0; waited <= TIMERS_WAIT_MS_MAX && moving.length > 0; waited += POLL_MS) {
      const states = await Promise.all(moving.map((id) => this.#stateOf(id)))
      moving = moving.filter((_, i) => states[i] !== RESTING_STATE)
      if (moving.length > 0) await sleep(POLL_MS)
    }
    for (const id of moving) report('timers', id, `is not ${RESTING_STATE}`)
  }

  /** Who cannot be read, or has no event, is none of the timers' business. */
  async #stateOf(id: ProfileId): Promise<string> {
    try {
      const profile = await this.#parts.reader.profile(id)
      return profile?.machines.pulse ?? RESTING_STATE
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      return RESTING_STATE
    }
  }

  #someRoots(shoppers: readonly Shopper[]): ProfileId[] {
    const { random } = this.#parts
    const roots = new Set<ProfileId>()
    for (let i = 0; i < TIMERS_SHOPPERS && shoppers.length > 0; i++) {
      const { cluster } = shoppers[random.integer(shoppers.length)]
      if (cluster.stuck) continue
      for (const user of cluster.identity.users) {
        for (const root of cluster.identity.rootsOf(user)) roots.add(root)
      }
    }
    return [...roots]
  }
}
