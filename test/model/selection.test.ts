import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findLeaks, refuseLeaks, type LabelledColumns } from '../../src/model/leaks/find-leaks.ts'
import type { Examples } from '../../src/model/learners/learner.ts'
import { permutationImportance } from '../../src/model/evaluation/permutation-importance.ts'
import { Random } from '../../src/model/random.ts'
import { anovaF, correlationF, mutualInformation, selectBest } from '../../src/model/selection.ts'
import type { TableColumn } from '../../src/model/table/schema.ts'
import { mean, plainPearson, sum } from './evaluation/plain-metrics.ts'
import { makeExamples } from './learners/made-examples.ts'

function examplesOf(
  columns: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  classes: number,
): Examples {
  const width = columns.length
  const count = labels.length
  return {
    task: classes > 0 ? 'multiclass' : 'regression',
    names: columns.map((_, i) => `x${i}`),
    width,
    steps: 1,
    count,
    classes,
    weights: null,
    rows: Float32Array.from(
      { length: count * width },
      (_, i) => columns[i % width][Math.floor(i / width)],
    ),
    labels: Float32Array.from(labels),
  }
}

const value = fc.integer({ min: -5, max: 5 })

describe('scores of single inputs', () => {
  test('ANOVA F is its definition, without the rows where the input is missing', () => {
    const rows = fc.array(fc.tuple(fc.option(value, { freq: 6 }), fc.integer({ min: 0, max: 2 })), {
      minLength: 8,
      maxLength: 40,
    })
    fc.assert(
      fc.property(rows, (made) => {
        const found = anovaF(
          examplesOf(
            [made.map(([x]) => x ?? Number.NaN)],
            made.map(([, k]) => k),
            3,
          ),
        )
        const there = made.flatMap(([x, k]) => (x === null ? [] : [{ x, k }]))
        const groups = [0, 1, 2].map((k) => there.filter((row) => row.k === k).map(({ x }) => x))
        const filled = groups.filter((group) => group.length > 0)
        const middle = mean(there.map(({ x }) => x))
        const between = sum(filled.map((group) => group.length * (mean(group) - middle) ** 2))
        const within = sum(filled.flatMap((group) => group.map((x) => (x - mean(group)) ** 2)))
        fc.pre(filled.length > 1 && there.length > filled.length && within > 0 && between > 1e-9)
        const f = between / (filled.length - 1) / (within / (there.length - filled.length))
        expect(found[0] / f).toBeCloseTo(1, 9)
      }),
    )
  })

  test('the F of a correlation is its definition', () => {
    const rows = fc.array(fc.tuple(value, value), { minLength: 5, maxLength: 40 })
    fc.assert(
      fc.property(rows, (made) => {
        const x = made.map((row) => row[0])
        const y = made.map((row) => row[1])
        const r = plainPearson(x, y)
        fc.pre(r === r && Math.abs(r) < 0.999)
        const [found] = correlationF(examplesOf([x], y, 0))
        expect(found).toBeCloseTo((r ** 2 / (1 - r ** 2)) * (made.length - 2), 6)
      }),
    )
  })

  test('mutual information of a copy is the entropy, of noise nothing', () => {
    const random = new Random(1)
    const labels = Array.from({ length: 6_000 }, () => Math.floor(random.next() * 4))
    const noise = labels.map(() => random.normal())
    const hidden = labels.map((k) => (k === 2 ? Number.NaN : 0))
    const scores = mutualInformation(examplesOf([labels, noise, hidden], labels, 4))
    expect(scores[0]).toBeCloseTo(Math.log(4), 2)
    expect(scores[1]).toBeLessThan(0.002)
    expect(scores[2]).toBeCloseTo(-(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75)), 1)
  })

  test('mutual information of a normal pair is −½ log(1 − r²), nearly', () => {
    const random = new Random(2)
    const x = Array.from({ length: 20_000 }, () => random.normal())
    const y = x.map((one) => 0.8 * one + 0.6 * random.normal())
    const [found] = mutualInformation(examplesOf([x], y, 0))
    expect(found).toBeGreaterThan(0.43)
    expect(found).toBeLessThan(-0.5 * Math.log(1 - 0.64))
  })

  test('the best are those that matter', () => {
    for (const task of ['binary', 'regression'] as const) {
      const examples = makeExamples(task, { count: 4_000, seed: 3, missing: 0.1 })
      const f = task === 'binary' ? anovaF(examples) : correlationF(examples)
      expect(selectBest(f, 3).sort((a, b) => a - b)).toEqual([0, 1, 2])
      expect(selectBest(mutualInformation(examples), 3).sort((a, b) => a - b)).toEqual([0, 1, 2])
    }
    expect(selectBest(Float64Array.of(1, 3, Number.NaN, 3, Infinity), 3)).toEqual([4, 1, 3])
  })
})

test('permutation importance finds what a predictor uses, and leaves the rows as they were', async () => {
  const examples = makeExamples('regression', { count: 2_000, seed: 4 })
  const before = examples.rows.slice()
  const predictor = {
    outputs: 1,
    predict: (rows: Float32Array, count: number, out: Float32Array) => {
      for (let row = 0; row < count; row++) out[row] = 2 * rows[row * 6] - rows[row * 6 + 1]
    },
  }
  const score = (outputs: Float32Array) =>
    -mean(
      Array.from(
        outputs,
        (y, row) => (y - examples.rows[row * 6] * 2 + examples.rows[row * 6 + 1]) ** 2,
      ),
    )
  const options = { score, seed: 1, repeats: 3 }
  const { mean: falls, deviation } = await permutationImportance(predictor, examples, options)
  // Shuffling x doubles its variance: the error is 2·(coefficient)².
  expect(falls[0]).toBeCloseTo(8, 0)
  expect(falls[1]).toBeCloseTo(2, 0)
  expect([...falls.subarray(2)]).toEqual([0, 0, 0, 0])
  expect(deviation[0]).toBeLessThan(1)
  expect(examples.rows).toEqual(before)
  const groups = [
    [0, 1],
    [2, 3, 4, 5],
  ]
  const grouped = await permutationImportance(predictor, examples, { ...options, groups })
  expect(grouped.mean[0]).toBeCloseTo(falls[0] + falls[1], -1)
  expect(grouped.mean[1]).toBe(0)
  const signal = AbortSignal.abort()
  const stopped = await permutationImportance(predictor, examples, { ...options, signal })
  expect(stopped.mean.every(Number.isNaN)).toBe(true)
})

describe('leaks', () => {
  const count = 2_000
  const random = new Random(9)
  const draw = (make: () => number) => Array.from({ length: count }, make)
  const noise = draw(() => random.normal())
  const rare = draw(() => Number(random.next() < 0.02))
  const number = (name: string): TableColumn => {
    return { name, kind: 'number', categories: [], truth: false, origin: 0 }
  }
  const tableOf = (
    columns: readonly [TableColumn, readonly number[]][],
    labels: readonly number[],
    classes: number,
  ): LabelledColumns => {
    const { rows, width } = examplesOf(
      columns.map(([, values]) => values),
      labels,
      1,
    )
    return {
      rows,
      width,
      count,
      classes,
      columns: columns.map(([column]) => column),
      labels: Float32Array.from(labels),
    }
  }
  const categories = Array.from({ length: count }, (_, i) => `v${i}`)

  test('of a class are named: copies, codes, and what is missing exactly where it is not', () => {
    const columns: [TableColumn, number[]][] = [
      [number('noise'), noise],
      [number('strong'), rare.map((y) => 3 * y + random.normal())],
      [number('copy'), rare],
      [number('against'), rare.map((y, i) => -y + 1e-3 * noise[i])],
      [number('code'), rare.map((y) => (y === 1 ? 7 : 3 + 10 * Math.floor(random.next() * 2)))],
      [number('cancelled at'), rare.map((y, i) => (y === 1 ? noise[i] : Number.NaN))],
      [
        { ...number('reason'), kind: 'category', categories: ['a', 'b', 'c'] },
        rare.map((y, i) => (y === 1 ? 2 : i % 2)),
      ],
      [{ ...number('each its own'), kind: 'category', categories }, noise.map((_, i) => i)],
    ]
    const leaks = findLeaks(tableOf(columns, rare, 2))
    expect(leaks.map(({ column }) => column)).toEqual([
      'copy',
      'against',
      'code',
      'cancelled at',
      'reason',
    ])
    expect(() => refuseLeaks(leaks)).toThrow(
      expect.objectContaining({
        code: 'ERR_DATASET_LEAK',
        message: expect.stringContaining('"code"'),
      }),
    )
    expect(() => refuseLeaks([])).not.toThrow()
  })

  test('of several classes', () => {
    const labels = draw(() => Math.floor(random.next() * 4))
    const columns: [TableColumn, number[]][] = [
      [number('copy'), labels.map((k) => [5, 1, 9, 2][k])],
      [number('bands'), labels.map((k) => [5, 1, 9, 2][k] + 0.4 * random.next())],
      [number('overlapping'), labels.map((k) => k + 1.2 * random.next())],
    ]
    const leaks = findLeaks(tableOf(columns, labels, 4))
    expect(leaks.map(({ column }) => column)).toEqual(['copy', 'bands'])
  })

  test('of a value', () => {
    const columns: [TableColumn, number[]][] = [
      [number('doubled'), noise.map((y) => 3 - 2 * y)],
      [number('bent'), noise.map((y) => Math.exp(2 * y))],
      [number('close'), noise.map((y) => y + 0.1 * random.normal())],
      [
        { ...number('category'), kind: 'category', categories: ['a', 'b'] },
        noise.map((y) => Number(y > 0)),
      ],
    ]
    const leaks = findLeaks(tableOf(columns, noise, 0))
    expect(leaks.map(({ column, measure }) => `${column}: ${measure}`)).toEqual([
      'doubled: correlation',
      'bent: rank correlation',
    ])
  })
})
