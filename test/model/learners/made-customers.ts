import { Random } from '../../../src/model/random.ts'
import type { MadeExamples } from './made-examples.ts'

export interface MadeCustomersOptions {
  readonly count: number
  readonly seed: number
  readonly horizon: number
  readonly age: number
}

export interface MadeCustomers extends MadeExamples {
  /** 1: still a customer when observation ends. */
  readonly alive: Float32Array
}

/** When a customer is lost: asked after each repeat purchase, and once for the length of life. */
interface Life {
  readonly rate: number
  readonly lifetime: number
  readonly lostAfterPurchase: () => boolean
}

/** Customers of the BG/NBD model with known parameters; labels are purchases in the next `horizon`. */
export function makeBgNbd(
  of: { r: number; alpha: number; a: number; b: number },
  options: MadeCustomersOptions,
): MadeCustomers {
  return simulate(options, (random) => {
    const rate = gamma(of.r, random) / of.alpha
    const [up, down] = [gamma(of.a, random), gamma(of.b, random)]
    const p = up / (up + down)
    return { rate, lifetime: Number.POSITIVE_INFINITY, lostAfterPurchase: () => random.next() < p }
  })
}

/** Customers of the Pareto/NBD model with known parameters. */
export function makeParetoNbd(
  of: { r: number; alpha: number; s: number; beta: number },
  options: MadeCustomersOptions,
): MadeCustomers {
  return simulate(options, (random) => {
    const rate = gamma(of.r, random) / of.alpha
    const lifetime = exponential(gamma(of.s, random) / of.beta, random)
    return { rate, lifetime, lostAfterPurchase: () => false }
  })
}

function simulate(
  { count, seed, horizon, age: ageMax }: MadeCustomersOptions,
  draw: (random: Random) => Life,
): MadeCustomers {
  const random = new Random(seed)
  const rows = new Float32Array(count * 3)
  const labels = new Float32Array(count)
  const alive = new Float32Array(count)
  const truth = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const age = ageMax * (0.6 + 0.4 * random.next())
    const life = draw(random)
    let [frequency, recency, lost] = [0, 0, false]
    for (let t = exponential(life.rate, random); !lost && t < age + horizon;) {
      if (t > life.lifetime) break
      if (t < age) {
        frequency++
        recency = t
      } else labels[row]++
      lost = life.lostAfterPurchase()
      if (lost && t < age) alive[row] = -1
      t += exponential(life.rate, random)
    }
    alive[row] = alive[row] < 0 || life.lifetime < age ? 0 : 1
    truth[row] = alive[row] * life.rate * horizon
    rows.set([frequency, recency, age], row * 3)
  }
  const shape = { names: ['frequency', 'recency', 'age'], width: 3, steps: 1, count, rows, labels }
  return { task: 'count', ...shape, classes: 0, weights: null, truth, alive }
}

function exponential(rate: number, random: Random): number {
  return -Math.log(1 - random.next()) / rate
}

/** Marsaglia and Tsang, A simple method for generating gamma variables, ACM TOMS 26, 2000. */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.next()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = random.normal()
    const v = (1 + c * x) ** 3
    if (v <= 0) continue
    if (Math.log(1 - random.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}
