import { Random } from '../random.ts'

/**
 * The fold of each row, 0 to `folds − 1`: drawn by the seed, of equal size, and of a class-labelled
 * table with the same share of each class in every fold.
 */
export function assignFolds(
  labels: Float32Array,
  { folds, classes, seed }: { folds: number; classes: number; seed: number },
): Uint8Array {
  const random = new Random(seed)
  const foldOf = new Uint8Array(labels.length)
  let dealt = 0
  for (let group = 0; group < Math.max(1, classes); group++) {
    const rows: number[] = []
    labels.forEach((label, row) => {
      if (classes === 0 || label === group) rows.push(row)
    })
    const order = Uint32Array.from(rows)
    random.shuffle(order)
    for (const row of order) foldOf[row] = dealt++ % folds
  }
  return foldOf
}

/** Rows of the fold, or all but those. */
export function rowsOfFold(
  foldOf: Uint8Array,
  fold: number,
  which: 'in' | 'out',
): Uint32Array<ArrayBuffer> {
  const rows: number[] = []
  foldOf.forEach((of, row) => {
    if ((of === fold) === (which === 'in')) rows.push(row)
  })
  return Uint32Array.from(rows)
}
