import type { NumberTransform } from './plan.ts'

/** A raw number as an input; what is missing or infinite is `fill`, or NaN without a transform. */
export function transformed(x: number, transform: NumberTransform | null): number {
  if (transform === null) return x - x === 0 ? x : Number.NaN
  const { low, high, logarithmic, mean, scale, fill } = transform
  if (x - x !== 0) return fill
  let y = x < low ? low : x > high ? high : x
  if (logarithmic) y = y < 0 ? -Math.log1p(-y) : Math.log1p(y)
  return (y - mean) * scale
}
