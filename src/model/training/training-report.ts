import type { EvaluationReport, Facts } from '../report/evaluation-report.ts'
import { lossName } from './loss.ts'
import { METRIC_TITLES } from '../report/metric-names.ts'
import type { IgnoredReason } from '../table/schema.ts'
import type { ModelManifest } from '../version/manifest.ts'
import type { ModelEvaluation } from './evaluate-model.ts'

/** What the page about a version shows beside its evaluation. */
export function reportOf(manifest: ModelManifest, evaluation: ModelEvaluation): EvaluationReport {
  const { model, version, learner, target, createdAt, members } = manifest
  const { title } = METRIC_TITLES[evaluation.mainMetric]
  return {
    model,
    version,
    learner,
    target,
    made: createdAt,
    evaluation,
    importance: evaluation.importance,
    importanceMeasure: `by how much the ${title} gets worse when a column has the values of other rows`,
    inputs: evaluation.inputs,
    facts: [dataFacts(manifest), choiceFacts(manifest)],
    parameters: Object.fromEntries(
      members.flatMap((member) =>
        Object.entries(member.parameters).map(([name, value]) => [
          `${member.learner}: ${name}`,
          value,
        ]),
      ),
    ),
    warnings: warningsOf(manifest),
  }
}

/** Of each learner the candidate that did best. */
export function bestOfEach(tried: ModelManifest['tried']): ModelManifest['tried'] {
  return tried.filter((one, i) => tried.findIndex((other) => other.learner === one.learner) === i)
}

function dataFacts({ source, schema }: ModelManifest): Facts {
  const left = leftOut(schema)
  const columns = ['columns', schema.columns.length] as const
  if (source.kind === 'table') {
    const { file, rows, unlabelled } = source
    const entries = [
      ['file', file],
      ['rows', rows],
      ['rows without a label, left out', unlabelled],
    ] as const
    return { title: 'Data', entries: [...entries, columns, ...left] }
  }
  const { from, to, records, rows, censored, unlabelled, excluded } = source
  const entries = [
    ['journal from', day(from)],
    ['to', day(to)],
    ['records', records],
    ['rows', rows],
    ['rows whose time to come is not over, left out', censored],
    ['rows without a label, left out', unlabelled],
    ['rows excluded (consent and the like)', excluded],
  ] as const
  return { title: 'Data', entries: [...entries, columns, ...left] }
}

const REASONS: Readonly<Record<IgnoredReason, string>> = {
  empty: 'without a value',
  constant: 'always the same',
  id: 'names a row',
  text: 'too many different texts',
  asked: 'as asked',
  drift: 'other values in later rows',
}

/** Columns left out, a line for each reason. */
export function leftOut({ ignored }: ModelManifest['schema']): (readonly [string, string])[] {
  const reasons = [...new Set(ignored.map(({ reason }) => reason))]
  return reasons.map((reason) => {
    const names = ignored.filter((one) => one.reason === reason).map(({ name }) => name)
    return [`left out (${names.length}): ${REASONS[reason]}`, names.join(', ')] as const
  })
}

/** From when, or from which number on, rows were held out. */
export function holdoutText(source: ModelManifest['source'], holdoutFrom: number): string {
  const order = source.kind === 'table' ? source.order : undefined
  if (order?.kind === 'number') return `${order.column} ${Number(holdoutFrom.toPrecision(7))}`
  return day(holdoutFrom)
}

function choiceFacts(manifest: ModelManifest): Facts {
  const { source, split, calibration, tried, failed, task } = manifest
  const how =
    split.kind === 'folds'
      ? ([['every row predicted without it', `${split.folds}-fold cross-validation`]] as const)
      : ([
          ['fitted on', `${split.fittedRows} rows`],
          ['compared on', `${split.validationRows} later rows`],
          ['held out', `${split.holdoutRows} rows from ${holdoutText(source, split.holdoutFrom)}`],
          ['between both, left out', `${split.gapRows} rows`],
        ] as const)
  return {
    title: 'Choice',
    entries: [
      ...how,
      ['calibration', calibration?.kind ?? 'none'],
      ...bestOfEach(tried).map(
        (one) => [`${one.learner}, ${lossName(task)}`, one.loss.toFixed(4)] as const,
      ),
      ...failed.map(({ learner, message }) => [`${learner}, not fitted`, message] as const),
    ],
  }
}

function warningsOf({ split }: ModelManifest): string[] {
  if (split.kind === 'time') return []
  return [
    'Learner, settings, calibration and threshold were chosen on the cross-validated rows that these metrics are of, so the metrics are slightly optimistic. Rows kept aside and limn evaluate tell how much.',
  ]
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 16).replace('T', ' ')
}
