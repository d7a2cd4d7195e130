import { Random } from '../../random.ts'
import type { Pace } from '../pace.ts'
import { readRow } from '../row-values.ts'
import type { MachineRows } from './svm-data.ts'

export interface LinearMachine {
  /** One an input, and last the offset. */
  readonly weights: Float64Array
  readonly supportVectors: number
  readonly converged: boolean
}

export interface DescentOptions {
  readonly cost: number
  /** Half the width of the tube around values, in which errors cost nothing; null: classes. */
  readonly tube: number | null
  readonly passesMax: number
  readonly seed: number
  /** Passes that the pace counts before this machine. */
  readonly passesBefore: number
}

/** The largest step that a row may still want to go, in units of the decision. */
const TOLERANCE = 0.01

interface Descent {
  readonly data: Float64Array
  readonly squares: Float64Array
  readonly weights: Float64Array
  readonly duals: Float64Array
}

/**
 * A linear support vector machine with squared losses, by coordinate descent in the dual: Hsieh, Chang,
 * Lin, Keerthi, Sundararajan (2008) for classes, Ho, Lin (2012) for values. The offset is the weight of
 * an input that is always 1.
 */
export async function descend(
  given: MachineRows,
  { cost, tube, passesMax, seed, passesBefore }: DescentOptions,
  pace: Pace,
): Promise<LinearMachine> {
  const { count, targets } = given
  const state = prepare(given)
  const random = new Random(seed)
  const order = Uint32Array.from({ length: count }, (_, row) => row)
  let worst = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < passesMax && worst > TOLERANCE && !pace.stopped; pass++) {
    worst = 0
    random.shuffle(order)
    for (const row of order) {
      const softness = 1 / (2 * cost * given.weights[row])
      const rest = residual(state, row, targets[row]) - softness * state.duals[row]
      const curve = state.squares[row] + softness
      const dual =
        tube === null
          ? classDual(state.duals[row] + rest / curve, targets[row])
          : valueDual(state.duals[row] + rest / curve, tube / curve)
      worst = Math.max(worst, Math.abs(dual - state.duals[row]) * curve)
      change(state, row, dual)
    }
    await pace.reached(passesBefore + pass + 1)
  }
  const supportVectors = state.duals.reduce((sum, dual) => sum + (dual === 0 ? 0 : 1), 0)
  return { weights: state.weights, supportVectors, converged: worst <= TOLERANCE }
}

function prepare({ width, count, rows }: MachineRows): Descent {
  const data = new Float64Array(count * (width + 1))
  const squares = new Float64Array(count)
  for (let row = 0; row < count; row++) {
    const own = data.subarray(row * (width + 1), (row + 1) * (width + 1))
    readRow(rows, row * width, own.subarray(0, width))
    own[width] = 1
    squares[row] = own.reduce((sum, value) => sum + value * value, 0)
  }
  return { data, squares, weights: new Float64Array(width + 1), duals: new Float64Array(count) }
}

function residual({ data, weights }: Descent, row: number, target: number): number {
  const size = weights.length
  let sum = target
  for (let i = 0, at = row * size; i < size; i++) sum -= weights[i] * data[at + i]
  return sum
}

function change({ data, weights, duals }: Descent, row: number, dual: number): void {
  const difference = dual - duals[row]
  if (difference === 0) return
  const size = weights.length
  for (let i = 0, at = row * size; i < size; i++) weights[i] += difference * data[at + i]
  duals[row] = dual
}

/** Duals have the sign of their class. */
function classDual(free: number, target: number): number {
  return target > 0 ? Math.max(0, free) : Math.min(0, free)
}

/** Towards 0 by the tube. */
function valueDual(free: number, shrink: number): number {
  return Math.sign(free) * Math.max(0, Math.abs(free) - shrink)
}
