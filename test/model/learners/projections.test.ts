import { expect, test } from 'vitest'
import { pca } from '../../../src/model/learners/projection/pca.ts'
import { tsne } from '../../../src/model/learners/projection/tsne.ts'
import { Random } from '../../../src/model/random.ts'
import { learnerContract, predict } from '../../contract/learner-suite.ts'
import { makeGroups, takeRows } from './made-examples.ts'
import { keepsGroupsTogether } from './quality-checks.ts'

const GROUPS = makeGroups('projection', { count: 1_000, seed: 5, groups: 5 })
const CASE = {
  name: 'groups',
  training: takeRows(GROUPS, 0, 600),
  test: takeRows(GROUPS, 600, 1_000),
  random: false,
}

learnerContract(pca, [
  { ...CASE, parameters: { components: 4 }, learned: keepsGroupsTogether(0.99) },
])
learnerContract(tsne, [
  { ...CASE, parameters: { rounds: 300 }, learned: keepsGroupsTogether(0.99), random: true },
])

/** A long, flat cloud along (3, 4) / 5. */
function makeLine(weights: Float32Array | null) {
  const random = new Random(7)
  const rows = new Float32Array(2 * 10_000)
  for (let i = 0; i < rows.length; i += 2) {
    const [along, across] = [10 * random.normal(), random.normal()]
    rows[i] = 5 + 0.6 * along - 0.8 * across
    rows[i + 1] = -2 + 0.8 * along + 0.6 * across
  }
  const names = ['x', 'y']
  return { ...CASE.training, names, width: 2, count: 10_000, rows, weights }
}

test.each([null, new Float32Array(10_000).fill(3)])(
  'finds the long axis of a cloud',
  async (weights) => {
    const training = makeLine(weights)
    const request = { training, validation: null, parameters: { components: 9 }, seed: 1 }
    const predictor = await pca.fit(request)
    expect(predictor.outputs).toBe(2)
    const described = predictor.describe()
    const [first, second] = described.axes as {
      variance: number
      share: number
      running: number
      largest: { input: string; loading: number }[]
    }[]
    expect(first.variance / 100).toBeCloseTo(1, 1)
    expect(second.variance).toBeCloseTo(1, 1)
    expect(first.share).toBeCloseTo(0.99, 2)
    expect(second.running).toBeCloseTo(1, 6)
    expect(first.largest[0].input).toBe('y')
    expect(first.largest[0].loading).toBeCloseTo(0.8, 2)
    expect(first.largest[1].loading).toBeCloseTo(0.6, 2)
    const out = new Float32Array(2)
    predictor.predict(Float32Array.of(5 + 6, -2 + 8), 1, out)
    expect(out[0]).toBeCloseTo(10, 0)
    expect(out[1]).toBeCloseTo(0, 0)
  },
)

test('t-SNE puts fitted rows where it fitted them, and says how well', async () => {
  const training = takeRows(CASE.training, 0, 200)
  const request = { training, validation: null, parameters: { rounds: 250 }, seed: 1 }
  const predictor = await tsne.fit(request)
  const places = predict(predictor, training)
  const middle = places.reduce((sum, place) => sum + place, 0) / places.length
  expect(middle).toBeCloseTo(0, 3)
  const { divergence, newRows } = predictor.describe()
  expect(Number(divergence)).toBeGreaterThan(0)
  expect(Number(divergence)).toBeLessThan(1.5)
  expect(newRows).toContain('nearest fitted rows')
})

test('t-SNE refuses fewer rows than make a map, and takes rows that are all equal', async () => {
  const request = { validation: null, parameters: { rounds: 50 }, seed: 1 }
  const three = takeRows(CASE.training, 0, 3)
  await expect(tsne.fit({ ...request, training: three })).rejects.toMatchObject({
    code: 'ERR_DATASET_EMPTY',
  })
  const equal = { ...CASE.training, rows: CASE.training.rows.map(() => 1) }
  const predictor = await tsne.fit({ ...request, training: equal })
  expect(predict(predictor, equal).every(Number.isFinite)).toBe(true)
})
