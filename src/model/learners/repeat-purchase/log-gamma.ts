const HALF_LOG_2PI = 0.918_938_533_204_672_8
/** From here on the Stirling series below has an error of less than 1e-15. */
const STIRLING_FROM = 10
/** B(2k) / (2k (2k - 1)) for k = 1, 2, … */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156]

/**
 * The natural logarithm of the gamma function for x > 0: recurrence up to 10, then Stirling's series
 * (Abramowitz and Stegun, Handbook of Mathematical Functions, 6.1.15 and 6.1.41).
 */
export function logGamma(x: number): number {
  let product = 1
  let at = x
  while (at < STIRLING_FROM) product *= at++
  const inverse = 1 / at
  const square = inverse * inverse
  let series = 0
  for (let k = STIRLING.length - 1; k >= 0; k--) series = series * square + STIRLING[k]
  return (at - 0.5) * Math.log(at) - at + HALF_LOG_2PI + series * inverse - Math.log(product)
}
