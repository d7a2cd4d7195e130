import type { RepeatPurchaseLearner } from '../src/model/learners/repeat-purchase/repeat-purchase.ts'
import type { RepeatPurchasePredictor } from '../src/model/learners/repeat-purchase/purchase-predictor.ts'
import { prepareExamples } from './frame.ts'
import type { Frame } from './frame.ts'

export interface FittedModel {
  readonly label: string
  readonly predictor: RepeatPurchasePredictor
  readonly counts: Float32Array
  readonly seconds: number
}

/** Fits a repeat-purchase model to a cohort and predicts its purchases in the next weeks. */
export async function fitRepeat(
  label: string,
  learner: RepeatPurchaseLearner,
  { frame, horizon }: { frame: Frame; horizon: number },
): Promise<FittedModel> {
  const labels = new Float32Array(frame.count)
  const purchases = { count: frame.count, columns: frame.columns.slice(0, 3) }
  const given = { task: 'count' as const, training: purchases, labels, test: purchases }
  const { training, testRows } = prepareExamples(given, learner.form)
  const started = performance.now()
  const parameters = { horizon }
  const predictor = await learner.fit({ training, validation: null, parameters, seed: 1 })
  const seconds = (performance.now() - started) / 1000
  const counts = new Float32Array(frame.count)
  predictor.predict(testRows, frame.count, counts)
  return { label, predictor, counts, seconds }
}
