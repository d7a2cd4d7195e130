import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignFolds, rowsOfFold } from '../../../src/model/training/folds.ts'

test('every row is in one fold; folds and their shares of each class are as equal as can be', () => {
  const drawn = fc.record({
    labels: fc.array(fc.nat(2), { minLength: 1, maxLength: 200 }),
    folds: fc.integer({ min: 1, max: 10 }),
    seed: fc.nat(),
  })
  fc.assert(
    fc.property(drawn, ({ labels, folds, seed }) => {
      const foldOf = assignFolds(Float32Array.from(labels), { folds, classes: 3, seed })
      const seen: number[] = []
      for (let fold = 0; fold < folds; fold++) {
        const rows = rowsOfFold(foldOf, fold, 'in')
        seen.push(...rows)
        expect(rows.length + rowsOfFold(foldOf, fold, 'out').length).toBe(labels.length)
        expect(Math.abs(rows.length - labels.length / folds)).toBeLessThan(1)
        for (let group = 0; group < 3; group++) {
          const all = labels.filter((label) => label === group).length
          const own = [...rows].filter((row) => labels[row] === group).length
          expect(Math.abs(own - all / folds)).toBeLessThan(1)
        }
      }
      expect(seen.sort((a, b) => a - b)).toEqual(labels.map((_, row) => row))
      expect(assignFolds(Float32Array.from(labels), { folds, classes: 3, seed })).toEqual(foldOf)
    }),
  )
})
