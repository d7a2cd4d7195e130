import { fitBaselines, type Baseline } from '../../../src/model/evaluation/baselines.ts'
import { evaluate } from '../../../src/model/evaluation/evaluate.ts'
import type { EvaluatedTask } from '../../../src/model/evaluation/outcome.ts'
import type { EvaluationReport } from '../../../src/model/report/evaluation-report.ts'
import { makeExamples, takeRows } from '../learners/made-examples.ts'

const NAMES = { binary: ['no', 'yes'], multiclass: ['a', 'b', 'c'], regression: [], count: [] }

/** A report on a model that knows the truth, with names that would break a page that does not escape. */
export function makeReport(task: EvaluatedTask): EvaluationReport {
  const all = makeExamples(task, { count: 1_500, seed: 2 })
  const rows = takeRows(all, 1_000, 1_500)
  const { count, labels, classes, truth } = rows
  const outputs =
    task === 'multiclass'
      ? Float32Array.from([...truth].flatMap((k) => [0, 1, 2].map((c) => (c === k ? 0.8 : 0.1))))
      : truth
  const columns = ['input 0', '<b>group</b>'].map((name, i) => ({
    name,
    kind: i === 0 ? ('number' as const) : ('category' as const),
    categories: i === 0 ? [] : ['x', '<script>alert(1)</script>'],
    truth: false,
    origin: 0,
  }))
  const sliced = Float32Array.from({ length: count * 2 }, (_, i) => {
    return i % 2 === 0 ? rows.rows[(i / 2) * 6] : ((i - 1) / 2) % 2
  })
  const live: Baseline = {
    name: 'live version 1',
    description: 'What serves <i>now</i>.',
    threshold: 0.5,
    predict: () => outputs.map((value) => value * 0.9 + 0.01),
  }
  const evaluation = evaluate({
    outcome: { task, count, outputs, labels, weights: null, classes, threshold: 0.5 },
    classNames: NAMES[task],
    baselines: fitBaselines(takeRows(all, 0, 1_000)),
    baselineRows: rows.rows,
    live,
    slices: {
      raw: { rows: sliced, width: 2, count },
      columns,
      by: columns.map(({ name }) => name),
    },
    seed: 1,
    resamples: 100,
  })
  return {
    model: 'a </script><script>alert(1)</script> & "b"',
    version: 2,
    learner: 'the truth',
    target: 'What was drawn',
    made: '2024-05-06T07:08:09.000Z',
    evaluation,
    importance: rows.names.map((name, i) => ({ name, value: 1 / (i + 1), deviation: 0.01 })),
    importanceMeasure: 'fall of the score when shuffled',
    inputs: rows.names.map((name, i) => ({
      name: `${name} = <u>`,
      f: i === 0 ? null : 100 / i,
      information: 0.1 / (i + 1),
    })),
    facts: [{ title: 'Data', entries: [['Rows', 1_500]] }],
    parameters: { depth: 6 },
    warnings: ['This model was not fitted.'],
  }
}
