import type { Evaluation } from '../evaluation/evaluate.ts'
import type { EvaluationReport } from '../report/evaluation-report.ts'
import { lossName } from './loss.ts'
import type { TableManifest } from './table-model.ts'

/** What the page about a table's model shows beside its evaluation. */
export function reportOf(
  manifest: TableManifest,
  evaluation: Evaluation,
  folds: number,
): EvaluationReport {
  const { model, version, learner, schema, data, createdAt, importance, members, tried } = manifest
  return {
    model,
    version,
    learner,
    target: `${schema.label?.name ?? ''} of ${data.file}`,
    made: createdAt,
    evaluation,
    importance: importance.map(({ name, share }) => ({ name, value: share, deviation: null })),
    importanceMeasure: `share in ${members[0].learner}`,
    facts: [
      {
        title: 'Data',
        entries: [
          ['file', data.file],
          ['rows', data.rows],
          ['rows without a label, left out', data.unlabelled],
          ['columns', schema.columns.length],
          ...schema.ignored.map(({ name, reason }) => [`left out: ${name}`, reason] as const),
        ],
      },
      {
        title: 'Choice',
        entries: [
          ['every row predicted without it', `${folds}-fold cross-validation`],
          ['calibration', manifest.calibration?.kind ?? 'none'],
          ...bestOfEach(tried).map(
            (one) => [`${one.learner}, ${lossName(manifest.task)}`, one.loss.toFixed(4)] as const,
          ),
        ],
      },
    ],
    parameters: Object.fromEntries(
      members.flatMap((member) =>
        Object.entries(member.parameters).map(([name, value]) => [
          `${member.learner}: ${name}`,
          value,
        ]),
      ),
    ),
    warnings: [
      'Learner, settings, calibration and threshold were chosen on the cross-validated rows that these metrics are of, so the metrics are slightly optimistic. Rows kept aside and limn evaluate tell how much.',
    ],
  }
}

/** Of each learner the candidate that did best. */
export function bestOfEach(tried: TableManifest['tried']): TableManifest['tried'] {
  return tried.filter((one, i) => tried.findIndex((other) => other.learner === one.learner) === i)
}
