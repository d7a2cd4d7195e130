import type { KernelRows } from './kernel-rows.ts'
import type { Pace } from '../pace.ts'

export interface DualProblem {
  readonly count: number
  /** 1 or -1, or a value. */
  readonly targets: Float64Array
  /** A dual goes up to `upper` and down to `-lower`; one of both is 0 for classes. */
  readonly upper: Float64Array
  readonly lower: Float64Array
  /** Half the width of the tube in which errors cost nothing; 0 for classes. */
  readonly tube: number
}

export interface DualSolution {
  /** Factor of each row's kernel in the decision; 0: the row is no support vector. */
  readonly duals: Float64Array
  readonly offset: number
  readonly rounds: number
  readonly converged: boolean
}

/** Two rows that want to go apart by less than this, in units of the decision, are left. */
const TOLERANCE = 1e-3
const CURVE_MIN = 1e-12
const ROUNDS_BETWEEN_REPORTS = 32

interface State extends DualProblem {
  readonly duals: Float64Array
  /** Target less decision, without the offset. */
  readonly rest: Float64Array
}

/**
 * Sequential minimal optimisation (Platt 1998), the pair of each round chosen by second order: Fan, Chen,
 * Lin, Working set selection using second order information for training support vector machines (2005).
 * Duals have the sign of their effect, so that classes and values (with a kink at 0) are one problem.
 * The pace counts from `before` to `before + 1`.
 */
export async function optimise(
  problem: DualProblem,
  kernel: KernelRows,
  { roundsMax, pace, before }: { roundsMax: number; pace: Pace; before: number },
): Promise<DualSolution> {
  const duals = new Float64Array(problem.count)
  const state = { ...problem, duals, rest: problem.targets.slice() }
  let rounds = 0
  let gap = Number.POSITIVE_INFINITY
  let firstGap = 0
  let bounds = { most: 0, least: 0 }
  for (; rounds < roundsMax && !pace.stopped; rounds++) {
    const up = highest(state)
    if (up < 0) break
    const most = riseOf(state, up)
    const upKernel = kernel.row(up)
    const { down, least } = bestPartner(state, upKernel, most)
    bounds = { most, least }
    gap = most - least
    firstGap = Math.max(firstGap, gap)
    if (gap < TOLERANCE || down < 0) break
    step(state, { up, upKernel, down, downKernel: kernel.row(down) })
    if (rounds % ROUNDS_BETWEEN_REPORTS === 0) await pace.reached(before + closed(gap, firstGap))
  }
  return { duals, offset: offsetOf(state, bounds), rounds, converged: gap < TOLERANCE }
}

/** How far the gap is closed, 0 to 1, on a logarithmic scale. */
function closed(gap: number, firstGap: number): number {
  const share = Math.log(firstGap / gap) / Math.log(firstGap / TOLERANCE)
  return Math.min(1, Math.max(0, share))
}

/** What is gained at first by moving a dual up; 0 is a kink. */
function riseOf({ duals, rest, tube }: State, row: number): number {
  return rest[row] + (duals[row] < 0 ? tube : -tube)
}

function highest(state: State): number {
  const { count, duals, upper } = state
  let best = -1
  let most = Number.NEGATIVE_INFINITY
  for (let row = 0; row < count; row++) {
    if (duals[row] >= upper[row]) continue
    const rise = riseOf(state, row)
    if (rise <= most) continue
    most = rise
    best = row
  }
  return best
}

/** The row to move down, by the gain that a step promises, and the least that any row stands at. */
function bestPartner(
  { count, duals, lower, rest, tube }: State,
  upKernel: Float32Array,
  most: number,
): { readonly down: number; readonly least: number } {
  let down = -1
  let gain = 0
  let least = Number.POSITIVE_INFINITY
  for (let row = 0; row < count; row++) {
    if (duals[row] <= -lower[row]) continue
    const fall = rest[row] + (duals[row] > 0 ? -tube : tube)
    if (fall < least) least = fall
    const difference = most - fall
    if (difference <= 0) continue
    const promised = (difference * difference) / Math.max(CURVE_MIN, 2 - 2 * upKernel[row])
    if (promised <= gain) continue
    gain = promised
    down = row
  }
  return { down, least }
}

interface Pair {
  readonly up: number
  readonly upKernel: Float32Array
  readonly down: number
  readonly downKernel: Float32Array
}

/** One dual up, one down by the same, as far as the gain lasts, a bound, or the kink at 0. */
function step(state: State, { up, upKernel, down, downKernel }: Pair): void {
  const { count, duals, rest, upper, lower, tube } = state
  const fall = rest[down] + (duals[down] > 0 ? -tube : tube)
  const wanted = (riseOf(state, up) - fall) / Math.max(CURVE_MIN, 2 - 2 * upKernel[down])
  const roomUp = duals[up] < 0 ? -duals[up] : upper[up] - duals[up]
  const roomDown = duals[down] > 0 ? duals[down] : lower[down] + duals[down]
  const length = Math.min(wanted, roomUp, roomDown)
  duals[up] = length === roomUp ? (duals[up] < 0 ? 0 : upper[up]) : duals[up] + length
  duals[down] = length === roomDown ? (duals[down] > 0 ? 0 : -lower[down]) : duals[down] - length
  for (let row = 0; row < count; row++) rest[row] -= length * (upKernel[row] - downKernel[row])
}

/** The mean of what free rows say, or the middle of what all allow. */
function offsetOf(state: State, { most, least }: { most: number; least: number }): number {
  const { count, duals, upper, lower, rest, tube } = state
  let sum = 0
  let free = 0
  for (let row = 0; row < count; row++) {
    if (duals[row] === 0 || duals[row] >= upper[row] || duals[row] <= -lower[row]) continue
    sum += rest[row] - Math.sign(duals[row]) * tube
    free++
  }
  if (free > 0) return sum / free
  return Number.isFinite(most - least) ? (most + least) / 2 : 0
}
