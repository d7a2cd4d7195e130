import { expect, test } from 'vitest'
import { frameOfRows } from '../../quality/frame.ts'
import type { Supervised } from '../../quality/frame.ts'
import { customerRounds } from '../../quality/online-retail-cuts.ts'
import { scoreSearchedOn } from '../../quality/searched.ts'
import { rankingMetrics } from '../../src/model/evaluation/metrics.ts'
import { Random } from '../../src/model/random.ts'

const COUNT = 400

test('all rows of a customer are held together, and every row once', () => {
  const customers = [0, 2, 5, 0, 5, 7, 2, 9, 9, 0]
  const empty = new Float32Array(customers.length)
  const rows = { customers, rows: [], spent: empty, returned: Uint8Array.from(empty) }
  const rounds = customerRounds(rows, 3, 1)
  expect(rounds.flatMap(({ held }) => [...held]).sort((a, b) => a - b)).toEqual([
    ...customers.keys(),
  ])
  for (const { fit, held } of rounds) {
    const fitted = new Set(Array.from(fit, (row) => customers[row]))
    expect(fit.length + held.length).toBe(customers.length)
    expect(Array.from(held).some((row) => fitted.has(customers[row]))).toBe(false)
  }
})

test('the choice follows the training rows, and repeats', async () => {
  const given = madeProblem()
  const customers = Array.from({ length: COUNT }, (_, row) => row >> 1)
  const labels = Uint8Array.from(given.labels)
  const rounds = customerRounds(
    { customers, rows: [], spent: given.labels, returned: labels },
    2,
    1,
  )
  const learners = ['logistic', 'boosted_trees']
  const search = { learners, rounds, trials: 1, seed: 1, stop: true }
  const first = await scoreSearchedOn(given, search)
  expect(first.chosen[0]).toBe('boosted_trees')
  expect(rankingMetrics(first.scores, labels).rocAuc).toBeGreaterThan(0.9)
  const again = await scoreSearchedOn(given, search)
  expect([...again.scores]).toEqual([...first.scores])
})

/** The label is whether two inputs have the same sign, which no line separates. */
function madeProblem(): Supervised {
  const random = new Random(3)
  const rows = Array.from({ length: COUNT }, () => [random.next() - 0.5, random.next() - 0.5])
  const frame = frameOfRows(['a', 'b'], rows)
  const labels = Float32Array.from(rows, ([a, b]) => Number(a * b > 0))
  return { task: 'binary', training: frame, labels, test: frame }
}
