/** Steps of a session; each but `END` emits the event of the same index in {@link STEP_EVENTS}. */
export const STEP_EVENTS = [
  'page',
  'Products Searched',
  'Product List Viewed',
  'Product Viewed',
  'Product Added',
  'Cart Viewed',
  'Checkout Started',
  'Payment Info Entered',
  'Order Completed',
] as const
export const ORDER_STEP = 8
const END = 9

/** Seconds between two steps of a session. */
export const STEP_SECONDS = 30

/** Hidden intent of one session, from idle browsing to a planned purchase. */
export const INTENTS = ['browse', 'research', 'buy'] as const

/** `CHAINS[intent][step]`: probabilities of the next step; the last column ends the session. */
export const CHAINS: readonly (readonly (readonly number[])[])[] = [
  chain(0.08, 0.02, 0.25),
  chain(0.3, 0.2, 0.5),
  chain(0.55, 0.6, 0.9),
]

/** `ORDER_CHANCE[intent][step]`: chance that a session now at `step` still ends in an order. */
export const ORDER_CHANCE: readonly Float64Array[] = CHAINS.map((rows) => orderChance(rows))

function chain(add: number, checkout: number, pay: number): number[][] {
  const browse = 0.75 - add
  return [
    [0.1, 0.2, 0.3, 0.2, 0, 0, 0, 0, 0, 0.2],
    [0, 0.1, 0.3, 0.45, 0, 0, 0, 0, 0, 0.15],
    [0.05, 0.05, 0.15, 0.6, 0, 0, 0, 0, 0, 0.15],
    [0, 0.1 * browse, 0.3 * browse, 0.6 * browse, add, 0, 0, 0, 0, 0.25],
    [0, 0, 0.2, 0.2, 0, 0.5, 0, 0, 0, 0.1],
    [0, 0, 0.1, (1 - checkout) * 0.5, 0, 0, checkout, 0, 0, 0.9 - checkout - (1 - checkout) * 0.5],
    [0, 0, 0, 0, 0, 0, 0, pay, 0, 1 - pay],
    [0, 0, 0, 0, 0, 0, 0, 0, 0.9, 0.1],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ].map(normalised)
}

function normalised(row: number[]): number[] {
  const kept = row.map((value) => Math.max(0, value))
  const sum = kept.reduce((total, value) => total + value, 0)
  return kept.map((value) => value / sum)
}

/** Absorption probability by value iteration; the step after an order never leads to another. */
function orderChance(rows: readonly (readonly number[])[]): Float64Array {
  const chance = new Float64Array(END + 1)
  for (let sweep = 0; sweep < 500; sweep++) {
    for (let step = 0; step < ORDER_STEP; step++) {
      let sum = rows[step][ORDER_STEP]
      for (let next = 0; next < ORDER_STEP; next++) sum += rows[step][next] * chance[next]
      chance[step] = sum
    }
  }
  return chance
}
