import { logGamma } from './log-gamma.ts'
import type { RepeatPurchaseModel } from './purchase-predictor.ts'

/** Below this the rest of the integral is lost in the last digits of what is there. */
const LOG_NEGLIGIBLE = -36
/** A panel spans at most this much of log time, and this much change of the log integrand. */
const PANEL_LENGTH_MAX = 0.75
const PANEL_CHANGE_MAX = 8
/** More than any range of log time needs. */
const PANELS_MAX = 1_000
/** Gauss-Legendre of ten points on (-1, 1): Abramowitz and Stegun, table 25.4. */
const NODES = [
  0.14887433898163122, 0.4333953941292472, 0.6794095682990244, 0.8650633666889845,
  0.9739065285171717,
]
const NODE_WEIGHTS = [
  0.29552422471475287, 0.26926671930999635, 0.21908636251598204, 0.1494513491505806,
  0.06667134430868814,
]

/**
 * The Pareto/NBD model: a customer buys at a rate that is gamma distributed (r, alpha) during a life
 * of exponential length, whose rate is gamma distributed (s, beta). Schmittlein, Morrison and
 * Colombo, Counting Your Customers, Management Science 33, 1987; the expressions as in Fader and
 * Hardie, A Note on Deriving the Pareto/NBD Model and Related Expressions, 2005. These give the
 * likelihood of having died between the last purchase and now as a difference of two hypergeometric
 * functions, in which all digits cancel where the two are close; here the integral that the
 * difference stands for is computed itself.
 */
export const PARETO_NBD: RepeatPurchaseModel = {
  name: 'pareto_nbd',
  title: 'Repeat purchases (Pareto/NBD)',
  names: ['r', 'alpha', 's', 'beta'],
  times: ['alpha', 'beta'],
  starts: (rate) => [
    [0.5, 0.5 / rate, 0.6, 0.3],
    [1, 1 / rate, 1, 1],
    [3, 3 / rate, 0.4, 2],
  ],
  at([r, alpha, s, beta]) {
    const constant = r * Math.log(alpha) + s * Math.log(beta) - logGamma(r)

    const logAlive = (x: number, age: number): number =>
      -(r + x) * Math.log(alpha + age) - s * Math.log(beta + age)
    const logLost = (x: number, recency: number, age: number): number =>
      Math.log(s) + logIntegral({ alpha, beta, power: r + x, s, from: recency, to: age })
    const alive = (x: number, recency: number, age: number): number =>
      1 / (1 + Math.exp(logLost(x, recency, age) - logAlive(x, age)))

    return {
      logLikelihood(x, recency, age) {
        const kept = logAlive(x, age)
        const lost = logLost(x, recency, age)
        const both = Math.max(kept, lost) + Math.log1p(Math.exp(-Math.abs(kept - lost)))
        return constant + logGamma(r + x) + both
      },
      alive,
      expected(x, recency, age, horizon) {
        const log = Math.log1p(horizon / (beta + age))
        const e = s - 1
        const time = Math.abs(e) < 1e-12 ? log : -Math.expm1(-e * log) / e
        const more = ((r + x) / (alpha + age)) * (beta + age) * time
        return more * alive(x, recency, age)
      },
    }
  },
}

interface Integral {
  readonly alpha: number
  readonly beta: number
  /** r + x */
  readonly power: number
  readonly s: number
  readonly from: number
  readonly to: number
}

/**
 * The logarithm of the integral of (alpha + t)^-power (beta + t)^-(s + 1). Over the logarithm of
 * t + min(alpha, beta) the log of the integrand is concave, so its slope at the start of a panel
 * bounds what follows.
 */
function logIntegral({ alpha, beta, power, s, from, to }: Integral): number {
  if (!(to > from)) return Number.NEGATIVE_INFINITY
  const shift = Math.min(alpha, beta)
  const alphaMore = alpha - shift
  const betaMore = beta - shift
  const log = (v: number): number =>
    Math.log(v) - power * Math.log(v + alphaMore) - (s + 1) * Math.log(v + betaMore)
  const slope = (v: number): number =>
    1 - (power * v) / (v + alphaMore) - ((s + 1) * v) / (v + betaMore)

  const reference = log(from + shift)
  const end = Math.log(to + shift)
  let start = Math.log(from + shift)
  let sum = 0
  for (let panel = 0; panel < PANELS_MAX && start < end; panel++) {
    const change = Math.abs(slope(Math.exp(start)))
    const half = Math.min(end - start, PANEL_LENGTH_MAX, PANEL_CHANGE_MAX / change) / 2
    const centre = Math.exp(start + half)
    for (let i = 0; i < NODES.length; i++) {
      const off = Math.exp(half * NODES[i])
      const left = Math.exp(log(centre / off) - reference)
      const right = Math.exp(log(centre * off) - reference)
      sum += half * NODE_WEIGHTS[i] * (left + right)
    }
    start += 2 * half
    const next = Math.exp(start)
    if (slope(next) < 0 && log(next) - reference < Math.log(sum) + LOG_NEGLIGIBLE) break
  }
  return reference + Math.log(sum)
}
