import type { ModelRegistry } from '../registry.ts'
import { renderReport } from '../report/page.ts'
import type { JournalSource, ModelManifest, TableSource } from '../version/manifest.ts'
import { saveModelVersion } from '../version/save-version.ts'
import type { ModelEvaluation } from './evaluate-model.ts'
import type { FittedModel } from './fit-model.ts'
import { reportOf } from './training-report.ts'

export interface SaveRequest {
  readonly name: string
  readonly target: string
  readonly source: TableSource | JournalSource
  readonly seed: number
  readonly evaluation: ModelEvaluation
}

/** Beside a version's weights. */
const EVALUATION_FILE = 'evaluation.json'
export const REPORT_FILE = 'report.html'

/**
 * Saves a fitted model as a new version, its evaluation and its report beside it, and frees it.
 * @throws LimnError ERR_MODEL_SAVE, ERR_MODEL_NAME
 */
export async function saveFitted(
  registry: ModelRegistry,
  fitted: FittedModel,
  { name, target, source, seed, evaluation }: SaveRequest,
): Promise<ModelManifest> {
  const { task, table, split, threshold, calibration, tried, failed, members } = fitted
  const version = {
    model: name,
    task,
    target,
    source,
    schema: table.schema,
    seed,
    split: split.facts,
    threshold,
    calibration,
    metrics: evaluation.metrics,
    tried: tried.map(({ learner, parameters, loss, rounds, seconds }) => {
      return { learner: learner.name, parameters, loss, rounds, seconds }
    }),
    failed,
  }
  const manifest = await saveModelVersion(registry, version, members, {
    [EVALUATION_FILE]: () => JSON.stringify(evaluation, null, 2),
    [REPORT_FILE]: (made) => renderReport(reportOf(made, evaluation)),
  })
  for (const { pipeline } of members) pipeline.dispose()
  return manifest
}
