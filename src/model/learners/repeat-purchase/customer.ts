/** What a row may say: more is taken as this much. */
const PURCHASES_MAX = 1e6

const TIME_MAX = 1e9

/** What a row says of a customer, as far as it can be true. */
export function customerOf(
  x: number,
  recency: number,
  age: number,
): { x: number; recency: number; age: number } {
  const bought = limited(x, PURCHASES_MAX)
  const last = bought === 0 ? 0 : limited(recency, TIME_MAX)
  return { x: bought, recency: last, age: Math.max(last, limited(age, TIME_MAX)) }
}

function limited(value: number, max: number): number {
  return value > 0 ? Math.min(value, max) : 0
}
