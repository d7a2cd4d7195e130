import { expect, test } from 'vitest'
import { LINKAGES, buildTree } from '../../../src/model/learners/clusters/agglomeration.ts'
import type { Linkage } from '../../../src/model/learners/clusters/agglomeration.ts'
import { hierarchical } from '../../../src/model/learners/clusters/hierarchical.ts'
import { kmeans } from '../../../src/model/learners/clusters/kmeans.ts'
import { Pace } from '../../../src/model/learners/pace.ts'
import { Random } from '../../../src/model/random.ts'
import { learnerContract } from '../../contract/learner-suite.ts'
import { makeGroups, takeRows } from './made-examples.ts'
import { findsGroups } from './quality-checks.ts'

const GROUPS = makeGroups('clusters', { count: 1_500, seed: 5, groups: 4 })
const CASE = {
  training: takeRows(GROUPS, 0, 1_000),
  test: takeRows(GROUPS, 1_000, 1_500),
  learned: findsGroups(0.99),
  random: false,
}
const REQUEST = { training: CASE.training, validation: null, seed: 1 }

learnerContract(kmeans, [{ ...CASE, name: 'groups', parameters: { clusters: 4 } }])
learnerContract(
  hierarchical,
  LINKAGES.map((name, linkage) => ({ ...CASE, name, parameters: { clusters: 4, linkage } })),
)

test('k-means says its inertia, and how well rows fit their clusters', async () => {
  const predictor = await kmeans.fit({ ...REQUEST, parameters: { clusters: 4 } })
  const described = predictor.describe()
  expect(described).toMatchObject({ clusters: 4, sizes: [250, 250, 250, 250], converged: true })
  // 1,000 rows of six inputs with a variance of a quarter
  expect(Number(described.inertia)).toBeGreaterThan(1_400)
  expect(Number(described.inertia)).toBeLessThan(1_600)
  expect(Number(described.silhouette)).toBeGreaterThan(0.8)
  expect(Number(described.explained)).toBeGreaterThan(0.9)
})

test('k-means has no more clusters than different rows', async () => {
  const rows = CASE.training.rows.map((_, i) => Math.floor(i / CASE.training.width) % 3)
  const training = { ...CASE.training, rows }
  const predictor = await kmeans.fit({ ...REQUEST, training, parameters: { clusters: 8 } })
  expect(predictor.outputs).toBe(3)
  expect(predictor.describe()).toMatchObject({ inertia: 0, explained: 1, silhouette: 1 })
})

test('k-means moves centres towards heavy rows', async () => {
  const training = {
    ...takeRows(CASE.training, 0, 2),
    names: ['x'],
    width: 1,
    rows: Float32Array.of(0, 4),
    weights: Float32Array.of(3, 1),
  }
  const predictor = await kmeans.fit({ ...REQUEST, training, parameters: { clusters: 1 } })
  const out = new Float32Array(1)
  predictor.predict(Float32Array.of(0), 1, out)
  expect(out[0]).toBe(1)
})

test('hierarchical clusters draw from many rows, and say so', async () => {
  const predictor = await hierarchical.fit({
    ...REQUEST,
    parameters: { clusters: 4, rowsMax: 200 },
  })
  expect(predictor.describe()).toMatchObject({ rows: 1_000, rowsUsed: 200, whole: true })
  const heights = predictor.describe().lastHeights as number[]
  // the last three merges join groups that lie apart
  expect(heights[2]).toBeGreaterThan(4 * heights[3])
})

test.each(LINKAGES)('%s linkage merges as the plain algorithm does', async (linkage) => {
  const random = new Random(4)
  const [count, width] = [60, 3]
  const rows = Float32Array.from({ length: count * width }, () => random.normal())
  const pace = new Pace({ ...REQUEST, parameters: {} }, 2 * count)
  const heights = (await buildTree({ rows, width, linkage }, pace)).map(({ height }) => height)
  const expected = plainHeights(rows, width, linkage)
  heights.forEach((height, i) => expect(height).toBeCloseTo(expected[i], 3))
})

/** Of all pairs of clusters merges the nearest, measured from their rows. */
function plainHeights(rows: Float32Array, width: number, linkage: Linkage): number[] {
  const row = (i: number) => rows.subarray(i * width, (i + 1) * width)
  const squared = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0)
  const mean = (members: number[]) =>
    Array.from({ length: width }, (_, i) => {
      return members.reduce((sum, member) => sum + row(member)[i], 0) / members.length
    })
  const distance = (a: number[], b: number[]): number => {
    const share = (2 * a.length * b.length) / (a.length + b.length)
    if (linkage === 'ward') return Math.sqrt(share * squared(mean(a), mean(b)))
    const all = a.flatMap((i) => b.map((j) => Math.sqrt(squared(row(i), row(j)))))
    return linkage === 'complete' ? Math.max(...all) : all.reduce((x, y) => x + y, 0) / all.length
  }
  let clusters = Array.from({ length: rows.length / width }, (_, i) => [i])
  const heights: number[] = []
  while (clusters.length > 1) {
    const pairs = clusters.flatMap((a, i) =>
      clusters.slice(0, i).map((b) => ({ a, b, d: distance(a, b) })),
    )
    const { a, b, d } = pairs.reduce((best, pair) => (pair.d < best.d ? pair : best))
    heights.push(d)
    clusters = [...clusters.filter((one) => one !== a && one !== b), [...a, ...b]]
  }
  return heights
}
