/** Orders of a seasonal ARIMA model: Box, Jenkins (1970). */
export interface Order {
  readonly p: number
  readonly d: number
  readonly q: number
  /** Seasonal ones: P, D, Q. */
  readonly seasonalP: number
  readonly seasonalD: number
  readonly seasonalQ: number
  readonly period: number
  /** A mean, or with one difference a drift. */
  readonly constant: boolean
}

export interface Coefficients {
  readonly ar: Float64Array
  readonly ma: Float64Array
  readonly seasonalAr: Float64Array
  readonly seasonalMa: Float64Array
}

/** Both polynomials multiplied out: the factors of the values and errors 1, 2, … steps back. */
export interface Lags {
  readonly ar: Float64Array
  readonly ma: Float64Array
}

/**
 * Coefficients from numbers without bounds, of which none makes a model that is not stationary and
 * invertible: hyperbolic tangents are partial autocorrelations (Monahan 1984; Jones 1980).
 */
export function coefficientsFrom(free: Float64Array, order: Order): Coefficients {
  let at = 0
  const take = (count: number) => fromPartials(free.subarray(at, (at += count)))
  const ar = take(order.p)
  const ma = take(order.q).map((value) => -value)
  const seasonalAr = take(order.seasonalP)
  const seasonalMa = take(order.seasonalQ).map((value) => -value)
  return { ar, ma, seasonalAr, seasonalMa }
}

export function multiplyOut(
  { ar, ma, seasonalAr, seasonalMa }: Coefficients,
  period: number,
): Lags {
  return {
    ar: multiply(ar, seasonalAr, { period, sign: -1 }),
    ma: multiply(ma, seasonalMa, { period, sign: 1 }),
  }
}

/** The polynomial of values with all differences: factors of the values 1, 2, … steps back. */
export function withDifferences(ar: Float64Array, { d, seasonalD, period }: Order): Float64Array {
  let all = ar
  for (let i = 0; i < d; i++) all = multiply(all, Float64Array.of(1), { period: 1, sign: -1 })
  for (let i = 0; i < seasonalD; i++) all = multiply(all, Float64Array.of(1), { period, sign: -1 })
  return all
}

/** `(1 + sign Σ a B^i)(1 + sign Σ b B^(period × i))`, less its 1 and times its sign. */
function multiply(
  a: Float64Array,
  b: Float64Array,
  { period, sign }: { readonly period: number; readonly sign: number },
): Float64Array {
  const product = new Float64Array(a.length + period * b.length)
  product.set(a)
  b.forEach((seasonal, i) => {
    const lag = period * (i + 1)
    product[lag - 1] += seasonal
    a.forEach((value, j) => {
      product[lag + j] += sign * value * seasonal
    })
  })
  return product
}

/** Durbin, Levinson. */
function fromPartials(free: Float64Array): Float64Array {
  const coefficients = new Float64Array(free.length)
  free.forEach((value, k) => {
    const partial = Math.tanh(value)
    const before = coefficients.slice(0, k)
    before.forEach((coefficient, j) => {
      coefficients[j] = coefficient - partial * before[k - 1 - j]
    })
    coefficients[k] = partial
  })
  return coefficients
}
