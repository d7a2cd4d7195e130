import { expect, test } from 'vitest'
import { fitBaselines } from '../../../src/model/evaluation/baselines.ts'
import { evaluate, type Evaluation } from '../../../src/model/evaluation/evaluate.ts'
import type { EvaluatedTask, Outcome } from '../../../src/model/evaluation/outcome.ts'
import type { TableColumn } from '../../../src/model/table/schema.ts'
import { makeExamples, takeRows } from '../learners/made-examples.ts'
import { mean, plainRocAuc } from './plain-metrics.ts'

const NAMES = { binary: ['no', 'yes'], multiclass: ['a', 'b', 'c'], regression: [], count: [] }

function column(name: string, categories: readonly string[] = []): TableColumn {
  const kind = categories.length > 0 ? 'category' : 'number'
  return { name, kind, categories, truth: false, origin: 0 }
}

function run(task: EvaluatedTask): { evaluation: Evaluation; outcome: Outcome } {
  const all = makeExamples(task, { count: 3_000, seed: 5, missing: 0.1 })
  const training = takeRows(all, 0, 2_000)
  const rows = takeRows(all, 2_000, 3_000)
  const { truth, labels, classes, count } = rows
  const outputs =
    task === 'multiclass'
      ? Float32Array.from([...truth].flatMap((k) => [0, 1, 2].map((c) => (c === k ? 0.8 : 0.1))))
      : truth
  const outcome = { task, count, outputs, labels, weights: null, classes, threshold: 0.5 }
  const groups = Float32Array.from({ length: count * 2 }, (_, i) => {
    return i % 2 === 0 ? Math.floor(i / 2) % 3 : rows.rows[Math.floor(i / 2) * 6]
  })
  const evaluation = evaluate({
    outcome,
    classNames: NAMES[task],
    baselines: fitBaselines(training, { lastValue: 'input 0' }),
    baselineRows: rows.rows,
    live: {
      name: 'live version 1',
      description: '',
      threshold: 0.5,
      predict: () => outputs,
    },
    slices: {
      raw: { rows: groups, width: 2, count },
      columns: [column('group', ['x', 'y', 'z']), column('size')],
      by: ['group', 'size'],
    },
    seed: 1,
    resamples: 200,
  })
  return { evaluation, outcome }
}

test.each(['binary', 'multiclass', 'regression', 'count'] as const)(
  '%s: the model beats the baselines, which beat nothing else',
  (task) => {
    const { evaluation } = run(task)
    const { metrics, baselines, mainMetric } = evaluation
    const better = task === 'binary' || task === 'multiclass'
    const value = (found: typeof metrics) => (found[mainMetric].value ?? 0) * (better ? 1 : -1)
    const [constant, rule] = baselines
    expect(value(metrics)).toBeGreaterThan(value(rule.metrics))
    expect(value(rule.metrics)).toBeGreaterThan(value(constant.metrics))
    expect(rule.description).toContain('“input 0”')
    const names = baselines.map(({ name }) => name)
    expect(names.includes('last value')).toBe(task === 'regression' || task === 'count')
    expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation)
    expect(run(task).evaluation).toEqual(evaluation)
  },
)

test('slices have the metrics of their rows', () => {
  const { evaluation, outcome } = run('binary')
  const groups = evaluation.slices.filter((slice) => slice.column === 'group')
  expect(groups.map(({ value, rows }) => [value, rows])).toEqual([
    ['x', 334],
    ['y', 333],
    ['z', 333],
  ])
  const inX = (_: number, row: number) => row % 3 === 0
  const scores = outcome.outputs.filter(inX)
  const labels = outcome.labels.filter(inX)
  expect(groups[0].metrics.rocAuc.value).toBeCloseTo(plainRocAuc(scores, labels), 9)
  expect(groups[0].meanLabel).toBeCloseTo(mean(labels), 6)
  expect(groups[0].meanPrediction).toBeCloseTo(mean(scores), 6)
  const sizes = evaluation.slices.filter((slice) => slice.column === 'size')
  expect(sizes.map(({ value }) => value.replace(/-?\d[\d.]*/g, '#'))).toEqual([
    'up to #',
    '# to #',
    '# to #',
    'above #',
    '(missing)',
  ])
  expect(sizes.reduce((sum, { rows }) => sum + rows, 0)).toBe(1_000)
})

test('the confusion table and the classes agree with each other', () => {
  const { evaluation } = run('multiclass')
  const { confusion, classes, classRows } = evaluation
  const cells = confusion?.cells ?? []
  cells.forEach((row, k) => {
    const actual = row.reduce((a, b) => a + b, 0)
    const said = cells.reduce((sum, other) => sum + other[k], 0)
    expect(actual).toBe(classRows[k])
    expect(classes[k].recall).toBeCloseTo(row[k] / actual, 9)
    expect(classes[k].precision).toBeCloseTo(row[k] / said, 9)
  })
})

test('values have points, bins of equally many rows, and residuals that sum to 1', () => {
  const values = run('regression').evaluation.values
  expect(values?.points.length).toBe(400)
  const rows = values?.bins.map((bin) => bin.rows) ?? []
  expect(rows.reduce((a, b) => a + b, 0)).toBe(1_000)
  expect(values?.residuals.shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9)
  for (const { low, high, meanActual } of values?.bins ?? []) {
    expect(low).toBeLessThan(meanActual)
    expect(high).toBeGreaterThan(meanActual)
  }
})

test('the live version is measured on the same rows', () => {
  const { evaluation } = run('binary')
  expect(evaluation.live?.name).toBe('live version 1')
  expect(evaluation.live?.metrics).toEqual(evaluation.metrics)
})
