/**
 * Rows with what was predicted and what happened, laid out so that their metrics can be computed again
 * and again under other weights: the bootstrap's inner loop. Rows stand at positions of the sample's
 * own choosing.
 */
export interface Sample<K extends string> {
  readonly count: number
  /** Weight of the row at each position; 1 where none are given. */
  readonly weights: Float64Array
  /** Positions that are drawn among themselves, so that each class keeps its size. */
  readonly strata: readonly Uint32Array[]
  /** A metric that has no value is NaN. */
  measure(weights: Float64Array): Record<K, number>
}

/** Weights in the order of positions: `order` has the row at each. */
export function weightsInOrder(weights: Float32Array | null, order: Uint32Array): Float64Array {
  if (weights === null) return new Float64Array(order.length).fill(1)
  return Float64Array.from(order, (row) => weights[row])
}

/** Positions by class, leaving out classes without a row. */
export function positionsByClass(classes: ArrayLike<number>, count: number): Uint32Array[] {
  const found: number[][] = Array.from({ length: count }, () => [])
  for (let i = 0; i < classes.length; i++) found[classes[i]].push(i)
  return found
    .filter((positions) => positions.length > 0)
    .map((positions) => Uint32Array.from(positions))
}
