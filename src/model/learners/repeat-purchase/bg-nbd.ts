import { logGamma } from './log-gamma.ts'
import type { RepeatPurchaseModel } from './purchase-predictor.ts'

const SERIES_TERMS_MAX = 10_000
const SERIES_PRECISION = 1e-13

/**
 * The beta-geometric/NBD model: a customer buys at a rate that is gamma distributed (r, alpha) until
 * dropping out, which can happen after each repeat purchase with a probability that is beta
 * distributed (a, b). Fader, Hardie and Lee, "Counting Your Customers" the Easy Way: An Alternative
 * to the Pareto/NBD Model, Marketing Science 24, 2005, equations 6, 7 and 10.
 */
export const BG_NBD: RepeatPurchaseModel = {
  name: 'bg_nbd',
  title: 'Repeat purchases (BG/NBD)',
  names: ['r', 'alpha', 'a', 'b'],
  times: ['alpha'],
  starts: (rate) => [
    [0.25, 0.25 / rate, 0.8, 2.5],
    [1, 1 / rate, 0.5, 3],
    [3, 3 / rate, 0.2, 4],
  ],
  at([r, alpha, a, b]) {
    const constant = r * Math.log(alpha) - logGamma(r) + logGamma(a + b) - logGamma(b)
    const logA = Math.log(a)

    /** Log-odds of having dropped out right after the last purchase. */
    const logOddsLost = (x: number, recency: number, age: number): number => {
      if (x === 0) return Number.NEGATIVE_INFINITY
      const waited = Math.log((alpha + age) / (alpha + recency))
      return logA - Math.log(b + x - 1) + (r + x) * waited
    }
    const alive = (x: number, recency: number, age: number): number =>
      1 / (1 + Math.exp(logOddsLost(x, recency, age)))

    return {
      logLikelihood(x, recency, age) {
        const purchases = logGamma(r + x) - (r + x) * Math.log(alpha + age)
        const survived = logGamma(b + x) - logGamma(a + b + x)
        return constant + purchases + survived + softplus(logOddsLost(x, recency, age))
      },
      alive,
      expected(x, recency, age, horizon) {
        const more = expectedAlive({ r, a, b, x, z: horizon / (alpha + age + horizon) })
        return more * alive(x, recency, age)
      },
    }
  },
}

/**
 * Purchases to come of a customer who has not dropped out. The paper has
 * (c / e) (1 - (1 - z)^(r + x) F(r + x, b + x; c; z)) with e = a - 1 and c = a + b + x - 1; Euler's
 * transformation makes it (c / e) (1 - (1 - z)^e F(e, a + b - 1 - r; c; z)). The first term of this
 * F is 1 and the others hold e / c, so that both divisions go, and a = 1 and c = 0 are as any other.
 * The series needs about 30 / (1 - z) terms; where z is beyond 0.997 it is cut off.
 */
function expectedAlive(of: { r: number; a: number; b: number; x: number; z: number }): number {
  const { r, a, b, x, z } = of
  const e = a - 1
  const c = e + b + x
  let share = (a + b - 1 - r) * z
  let sum = share
  for (let n = 2; n < SERIES_TERMS_MAX; n++) {
    if (Math.abs(share) <= SERIES_PRECISION * Math.abs(sum)) break
    share *= ((e + n - 1) * (a + b - r + n - 2) * z) / (n * (c + n - 1))
    sum += share
  }
  const log = e * Math.log1p(-z)
  const first = Math.abs(e) < 1e-12 ? -Math.log1p(-z) : -Math.expm1(log) / e
  return Math.max(0, c * first - Math.exp(log) * sum)
}

function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))
}
