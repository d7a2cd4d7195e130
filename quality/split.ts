import { Random } from '../src/model/random.ts'

export interface Fold {
  readonly training: readonly number[]
  readonly test: readonly number[]
}

/** Folds of equal size with the same share of each class. Deterministic under the seed. */
export function stratifiedFolds(classes: ArrayLike<number>, folds: number, seed: number): Fold[] {
  const order = Uint32Array.from({ length: classes.length }, (_, row) => row)
  new Random(seed).shuffle(order)
  const foldOf = new Uint32Array(classes.length)
  const seen = new Map<number, number>()
  for (const row of order) {
    const count = seen.get(classes[row]) ?? 0
    foldOf[row] = count % folds
    seen.set(classes[row], count + 1)
  }
  const rows = [...foldOf.keys()]
  return Array.from({ length: folds }, (_, fold) => ({
    training: rows.filter((row) => foldOf[row] !== fold),
    test: rows.filter((row) => foldOf[row] === fold),
  }))
}
