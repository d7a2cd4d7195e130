import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../../src/simulator/random.ts'
import type { Category } from './failures.ts'
import { Gate } from './gate.ts'
import { HttpChannel } from './http-channel.ts'
import { comeBack } from './scenarios.ts'
import type { Scenario } from './scenarios.ts'
import { GaveUp, Sender } from './sender.ts'
import { ServerGone } from './server-process.ts'
import type { ServerProcess } from './server-process.ts'
import { Shopper } from './shopper.ts'
import type { ShopperParts } from './shopper.ts'
import { StreamChannel } from './stream-channel.ts'
import type { Tallies } from './tally.ts'

/** Scenarios under way at the same time. */
const DRIVERS = 20
const STREAMS = 2
/** Share of the runs that go on with shoppers who were there before. */
const COME_BACK = 0.35
const PAUSE_MS_MAX = 40
/** As long as a living server may take to answer, on a busy machine. */
export const ANSWER_MS_MAX = 15_000

export interface TrafficParts {
  readonly server: ServerProcess
  readonly model: string
  readonly name: string
  readonly seed: number
  readonly scenarios: readonly Scenario[]
  readonly repeats: boolean
  readonly tallies: Tallies
  readonly report: (category: Category, subject: string, detail: string) => void
}

/**
 * Shoppers of one data directory. Owns them and the gate that holds them; {@link start} once, then
 * {@link resume} and {@link pause} in turn, {@link end} last. The seed repeats what each driver sends,
 * not what is under way when a kill comes.
 */
export class Traffic {
  readonly #parts: TrafficParts
  readonly #gate = new Gate()
  readonly #http = new HttpChannel(ANSWER_MS_MAX)
  readonly #streams = Array.from({ length: STREAMS }, () => new StreamChannel(ANSWER_MS_MAX))
  readonly #sender: Sender
  readonly #touched = new Set<Shopper>()
  readonly shoppers: Shopper[] = []
  #drivers: Promise<void>[] = []
  #ended = false

  constructor(parts: TrafficParts) {
    this.#parts = parts
    this.#sender = new Sender(parts)
  }

  start(): void {
    this.#drivers = Array.from({ length: DRIVERS }, (_, driver) => this.#drive(driver))
  }

  resume(): void {
    this.#gate.open()
  }

  /** Resolves when nothing is under way. */
  pause(): Promise<void> {
    return this.#gate.close()
  }

  /** Shoppers that did something since the last call. */
  takeTouched(): Shopper[] {
    const touched = [...this.#touched]
    this.#touched.clear()
    return touched
  }

  /** The server must have been abandoned, or nothing be under way. */
  async end(): Promise<void> {
    this.#ended = true
    this.#gate.open()
    await Promise.all(this.#drivers)
    this.#http.close()
    for (const stream of this.#streams) stream.close()
  }

  async #drive(driver: number): Promise<void> {
    const random = new Random(Math.imul(this.#parts.seed, 7919) + driver)
    // Of this driver alone, so that what it sends does not hang on how fast the others are.
    const known: Shopper[] = []
    for (let i = 0; !this.#ended; i++) {
      await this.#gate.enter()
      try {
        if (!this.#ended) await this.#act(`${this.#parts.name}-${driver}-${i}`, random, known)
      } catch (error) {
        if (error instanceof ServerGone) return
        if (!(error instanceof GaveUp)) throw error
      } finally {
        this.#gate.leave()
      }
      await sleep(random.next() * PAUSE_MS_MAX)
    }
  }

  async #act(name: string, random: Random, resting: Shopper[]): Promise<void> {
    const known = random.next() < COME_BACK ? takeAny(resting, random) : null
    const shopper = known ?? this.#newShopper(name, random)
    this.#touched.add(shopper)
    await (known === null ? this.#choose(random).run(shopper) : comeBack(shopper))
    await shopper.settle()
    this.#touched.add(shopper)
    if (!shopper.cluster.stuck) resting.push(shopper)
  }

  #newShopper(name: string, random: Random): Shopper {
    const { tallies, report, repeats } = this.#parts
    const channels = { http: this.#http, streams: this.#streams }
    const parts: ShopperParts = {
      sender: this.#sender,
      channels,
      gate: this.#gate,
      random,
      tallies,
      repeats,
      report,
    }
    const shopper = new Shopper(name, parts)
    this.shoppers.push(shopper)
    return shopper
  }

  #choose(random: Random): Scenario {
    const { scenarios } = this.#parts
    let left = random.next() * scenarios.reduce((sum, { weight }) => sum + weight, 0)
    for (const scenario of scenarios) {
      left -= scenario.weight
      if (left < 0) return scenario
    }
    return scenarios[scenarios.length - 1]
  }
}

function takeAny(shoppers: Shopper[], random: Random): Shopper | null {
  return shoppers.splice(random.integer(shoppers.length), 1)[0] ?? null
}
