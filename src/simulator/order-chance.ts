import {
  ABANDONED_FROM,
  INTENT,
  OWN_INTENTS,
  RESUME_CHANCE,
  RESUME_TICKS_MAX,
  RESUME_TICKS_MIN,
  SESSION_TICKS,
  STEP,
  STEP_COUNT,
  TICK_MS,
} from './session-chain.ts'
import type { SessionChain } from './session-chain.ts'

/** Ticks within which a session and its way back to the cart are over; below 24 h. */
export const SETTLED_TICKS = RESUME_TICKS_MAX + 2 * SESSION_TICKS

/**
 * The exact order chances of the session chains, by dynamic programming over step and tick.
 */
export class OrderChance {
  /** Chance that a session that returns to a cart ends in an order. */
  readonly resume: number
  private readonly remaining: readonly Float64Array[]
  /** By own intent: integral over ms of the chance of an order within so many ticks of the start. */
  private readonly integrals: readonly Float64Array[]

  constructor(chains: readonly SessionChain[]) {
    const resumed = remainingChance(chains[INTENT.resume], 0)
    this.resume = startChance(chains[INTENT.resume], resumed)
    this.remaining = chains.map((chain, i) =>
      remainingChance(chain, RESUME_CHANCE[i] * this.resume),
    )
    const back = orderTimes(chains[INTENT.resume]).order
    this.integrals = chains
      .slice(0, OWN_INTENTS)
      .map((chain, i) => integrated(withResume(orderTimes(chain), RESUME_CHANCE[i], back)))
  }

  /**
   * Chance that a session that has just emitted `step`, `tick` ticks after its start, leads to an
   * order later, itself or by the shopper's return to its cart.
   */
  after(intent: number, step: number, tick: number): number {
    return this.remaining[intent][tick * STEP_COUNT + step]
  }

  /** ∫ from 0 to `elapsed` of the chance of an order within u of a session's start, du in ms. */
  integral(intent: number, elapsed: number): number {
    const table = this.integrals[intent]
    const tick = Math.floor(elapsed / TICK_MS)
    const last = SETTLED_TICKS
    if (tick >= last)
      return table[last] + (elapsed / TICK_MS - last) * (table[last + 1] - table[last])
    return table[tick] + (elapsed / TICK_MS - tick) * (table[tick + 1] - table[tick])
  }
}

function startChance(chain: SessionChain, remaining: Float64Array): number {
  return chain.start.reduce((sum, chance, step) => sum + chance * remaining[step], 0)
}

/** `[tick * STEP_COUNT + step]`, backwards from the last tick; `resumed` is what a left cart is worth. */
function remainingChance(chain: SessionChain, resumed: number): Float64Array {
  const chance = new Float64Array((SESSION_TICKS + 1) * STEP_COUNT)
  for (let tick = SESSION_TICKS; tick >= 0; tick--) {
    for (let step = 0; step < STEP.end; step++) {
      const row = step * STEP_COUNT
      const ticks = 2 * chain.dwell[step] - 1
      let sum = 0
      for (let later = tick + 1; later <= Math.min(tick + ticks, SESSION_TICKS); later++) {
        for (let next = 0; next < STEP.end; next++) {
          sum +=
            chain.next[row + next] * (next === STEP.order ? 1 : chance[later * STEP_COUNT + next])
        }
      }
      const left = ABANDONED_FROM.includes(step) ? chain.next[row + STEP.end] * resumed : 0
      chance[tick * STEP_COUNT + step] = sum / ticks + left
    }
  }
  return chance
}

/** By tick: chance that the session orders then, and that it then ends with its cart left behind. */
function orderTimes(chain: SessionChain): { order: Float64Array; left: Float64Array } {
  const reached = new Float64Array((SESSION_TICKS + 1) * STEP_COUNT)
  const order = new Float64Array(SESSION_TICKS + 1)
  const left = new Float64Array(SESSION_TICKS + 1)
  reached.set(chain.start)
  for (let tick = 0; tick <= SESSION_TICKS; tick++) {
    for (let step = 0; step < STEP.end; step++) {
      const here = reached[tick * STEP_COUNT + step]
      if (here === 0) continue
      const row = step * STEP_COUNT
      if (step === STEP.order) order[tick] += here
      if (ABANDONED_FROM.includes(step)) left[tick] += here * chain.next[row + STEP.end]
      const ticks = 2 * chain.dwell[step] - 1
      for (let later = tick + 1; later <= Math.min(tick + ticks, SESSION_TICKS); later++) {
        for (let next = 0; next < STEP.end; next++) {
          reached[later * STEP_COUNT + next] += (here / ticks) * chain.next[row + next]
        }
      }
    }
  }
  return { order, left }
}

/** By tick: chance of an order until then, by the session itself or after the return to its cart. */
function withResume(
  own: { order: Float64Array; left: Float64Array },
  chance: number,
  back: Float64Array,
): Float64Array {
  // Cumulative chance of the ticks before and after the pause together.
  const both = new Float64Array(SETTLED_TICKS + 1)
  for (let a = 0; a <= SESSION_TICKS; a++) {
    for (let b = 0; b <= SESSION_TICKS; b++) both[a + b] += own.left[a] * back[b]
  }
  for (let tick = 1; tick <= SETTLED_TICKS; tick++) both[tick] += both[tick - 1]
  const pauses = RESUME_TICKS_MAX - RESUME_TICKS_MIN + 1
  const until = new Float64Array(SETTLED_TICKS + 1)
  for (let tick = 0, sum = 0; tick <= SETTLED_TICKS; tick++) {
    const first = tick - RESUME_TICKS_MIN < 0 ? 0 : both[tick - RESUME_TICKS_MIN]
    const past = tick - RESUME_TICKS_MAX - 1 < 0 ? 0 : both[tick - RESUME_TICKS_MAX - 1]
    sum += (own.order[tick] ?? 0) + (chance * (first - past)) / pauses
    until[tick] = sum
  }
  return until
}

function integrated(until: Float64Array): Float64Array {
  const integral = new Float64Array(until.length + 1)
  for (let tick = 0; tick < until.length; tick++)
    integral[tick + 1] = integral[tick] + until[tick] * TICK_MS
  return integral
}
