export interface Minimum {
  readonly at: Float64Array
  readonly value: number
  readonly converged: boolean
}

const ROUNDS_MAX = 100
const DIFFERENCE = 1e-5
const GRADIENT_MAX = 1e-5
const GAIN_MIN = 1e-10
const HALVINGS_MAX = 40
const STEP_MAX = 2

/**
 * Minimises a smooth function of a few numbers: BFGS (Nocedal, Wright, Numerical Optimization, 2006,
 * algorithm 6.1) with central differences for the gradient, and backtracking. Between rounds it asks
 * `goOn`.
 */
export async function minimise(
  valueAt: (at: Float64Array) => number,
  start: Float64Array,
  goOn: () => Promise<boolean>,
): Promise<Minimum> {
  const size = start.length
  let inverse = identity(size)
  let at = start
  let value = valueAt(at)
  let gradient = gradientAt(valueAt, at)
  for (let round = 0; round < ROUNDS_MAX && (await goOn()); round++) {
    if (gradient.every((part) => Math.abs(part) < GRADIENT_MAX)) {
      return { at, value, converged: true }
    }
    const direction = descentAlong(inverse, gradient)
    const next = search(valueAt, { at, value, gradient, direction })
    if (next === null) return { at, value, converged: true }
    const nextGradient = gradientAt(valueAt, next.at)
    inverse = update(inverse, {
      step: next.at.map((x, i) => x - at[i]),
      change: nextGradient.map((g, i) => g - gradient[i]),
    })
    const gain = value - next.value
    at = next.at
    value = next.value
    gradient = nextGradient
    if (gain < GAIN_MIN) return { at, value, converged: true }
  }
  return { at, value, converged: false }
}

function gradientAt(valueAt: (at: Float64Array) => number, at: Float64Array): Float64Array {
  const near = at.slice()
  return at.map((x, i) => {
    near[i] = x + DIFFERENCE
    const above = valueAt(near)
    near[i] = x - DIFFERENCE
    const below = valueAt(near)
    near[i] = x
    return (above - below) / (2 * DIFFERENCE)
  })
}

/** Away from the gradient as the curve suggests, or straight where that would not go down. */
function descentAlong(inverse: Float64Array, gradient: Float64Array): Float64Array {
  const size = gradient.length
  const direction = gradient.map((_, i) => {
    let sum = 0
    for (let j = 0; j < size; j++) sum -= inverse[i * size + j] * gradient[j]
    return sum
  })
  const chosen = dot(direction, gradient) < 0 ? direction : gradient.map((part) => -part)
  const longest = chosen.reduce((most, part) => Math.max(most, Math.abs(part)), 0)
  return longest > STEP_MAX ? chosen.map((part) => (part * STEP_MAX) / longest) : chosen
}

interface Line {
  readonly at: Float64Array
  readonly value: number
  readonly gradient: Float64Array
  readonly direction: Float64Array
}

function search(valueAt: (at: Float64Array) => number, { at, value, gradient, direction }: Line) {
  const slope = dot(gradient, direction)
  let length = 1
  for (let i = 0; i < HALVINGS_MAX; i++) {
    const next = at.map((x, j) => x + length * direction[j])
    const nextValue = valueAt(next)
    if (nextValue <= value + 1e-4 * length * slope) return { at: next, value: nextValue }
    length /= 2
  }
  return null
}

/** Formula 6.17; left as it is where the curve is not convex. */
function update(
  inverse: Float64Array,
  { step, change }: { readonly step: Float64Array; readonly change: Float64Array },
): Float64Array {
  const size = step.length
  const curve = dot(step, change)
  if (!(curve > 1e-12)) return inverse
  const moved = step.map((_, i) => {
    let sum = 0
    for (let j = 0; j < size; j++) sum += inverse[i * size + j] * change[j]
    return sum
  })
  const factor = (1 + dot(change, moved) / curve) / curve
  return inverse.map((old, at) => {
    const [i, j] = [Math.floor(at / size), at % size]
    return old + factor * step[i] * step[j] - (moved[i] * step[j] + step[i] * moved[j]) / curve
  })
}

function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size)
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1
  return matrix
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0)
}
