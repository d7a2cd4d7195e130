import { expect, test } from 'vitest'
import { isolationForest } from '../../../src/model/learners/anomaly/isolation-forest.ts'
import {
  growIsolationTree,
  pathLength,
} from '../../../src/model/learners/anomaly/isolation-tree.ts'
import { rankingMetrics } from '../../../src/model/evaluation/metrics.ts'
import { Random } from '../../../src/model/random.ts'
import { learnerContract, predict } from '../../contract/learner-suite.ts'
import { makeAnomalies, takeRows } from './made-examples.ts'

const ALL = makeAnomalies({ count: 6_000, seed: 5 })
const TRAINING = takeRows(ALL, 0, 4_000)

learnerContract(isolationForest, [
  {
    name: 'planted rows',
    training: TRAINING,
    test: takeRows(ALL, 4_000, 6_000),
    random: true,
    learned: (scores, { truth }) => {
      expect(rankingMetrics(scores, Uint8Array.from(truth)).rocAuc).toBeGreaterThan(0.97)
      const planted = [...scores.keys()].filter((row) => truth[row] === 1)
      const highest = [...scores.keys()].sort((a, b) => scores[b] - scores[a])
      const found = highest.slice(0, planted.length).filter((row) => truth[row] === 1)
      expect(found.length / planted.length).toBeGreaterThan(0.8)
      expect(scores.every((score) => score > 0 && score < 1)).toBe(true)
    },
  },
])

test('a path is as long as the paper says', () => {
  expect(pathLength(1)).toBe(0)
  expect(pathLength(2)).toBe(1)
  expect(pathLength(256)).toBeCloseTo(10.244, 2)
})

test('a tree sets every row apart that differs', () => {
  const rows = Float32Array.of(1, 2, 3, 3)
  const nodes = { values: [], inputs: [], nexts: [] as number[] }
  const chosen = Uint32Array.of(0, 1, 2, 3)
  growIsolationTree(nodes, { rows, width: 1, chosen }, new Random(1))
  // three leaves or two, where the depth ends it
  const leaves = nodes.nexts.filter((next) => next === 0).length
  expect(leaves).toBeGreaterThanOrEqual(2)
  expect(leaves).toBeLessThanOrEqual(3)
})

test('says which scores are rare', async () => {
  const request = { training: TRAINING, validation: null, parameters: { trees: 50 }, seed: 1 }
  const { scores, trees, sample } = (await isolationForest.fit(request)).describe()
  expect({ trees, sample }).toEqual({ trees: 50, sample: 256 })
  const limits = Object.values(scores as Record<string, number>)
  expect(limits).toEqual([...limits].sort((a, b) => a - b))
  expect(limits[0]).toBeLessThan(0.5)
  expect(limits[3]).toBeGreaterThan(0.55)
})

test('rows that weigh more are unlike the others less', async () => {
  const weights = Float32Array.from(TRAINING.truth, (planted) => (planted === 1 ? 200 : 1))
  const request = { validation: null, parameters: {}, seed: 1 }
  const plain = await isolationForest.fit({ ...request, training: TRAINING })
  const weighted = await isolationForest.fit({ ...request, training: { ...TRAINING, weights } })
  const planted = takeRows(TRAINING, 7, 8)
  expect(predict(weighted, planted)[0]).toBeLessThan(predict(plain, planted)[0])
})

test('rows that are all equal are like the others', async () => {
  const equal = { ...TRAINING, rows: TRAINING.rows.map(() => 2) }
  const request = { training: equal, validation: null, parameters: {}, seed: 1 }
  const score = predict(await isolationForest.fit(request), takeRows(equal, 0, 1))[0]
  expect(score).toBeCloseTo(0.5, 6)
})
