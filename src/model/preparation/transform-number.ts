import type { NumberTransform } from './plan.ts'

export function signedLog(x: number): number {
  return x < 0 ? -Math.log1p(-x) : Math.log1p(x)
}

/** A number as an input; NaN where it is missing or infinite and nothing stands for it. */
export function transformed(x: number, transform: NumberTransform | null): number {
  if (transform === null) return x - x === 0 ? x : Number.NaN
  const { low, high, logarithmic, mean, scale, fill } = transform
  if (x - x !== 0) return fill
  const clipped = x < low ? low : x > high ? high : x
  return ((logarithmic ? signedLog(clipped) : clipped) - mean) * scale
}
