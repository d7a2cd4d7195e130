import { LimnError } from '../../protocol/errors.ts'
import type { Examples, FitRequest, Learner } from '../learners/learner.ts'
import { takeRows } from '../learners/row-values.ts'
import { permutationImportance } from '../evaluation/permutation-importance.ts'
import { anovaF, correlationF, mutualInformation, selectBest } from '../selection.ts'
import { undoClassWeights } from '../version/class-weights.ts'
import { meanLoss } from './loss.ts'
import { foldRounds } from './rounds.ts'

/** What inputs are ranked by; see {@link chooseInputs}. */
export const SELECTIONS = ['anova', 'information', 'permutation'] as const

export interface SelectOptions {
  /** Inputs kept; all where there are no more. */
  readonly k: number
  readonly by: (typeof SELECTIONS)[number]
}

export interface ChoiceRequest extends Omit<FitRequest, 'training' | 'validation'> {
  readonly select: SelectOptions
  /** Those that the examples are weighted by, or null. */
  readonly classWeights: Float64Array | null
}

/** One of so many rows of each class is kept aside to measure what permuting an input does. */
const PARTS = 5
/** Rows kept aside that are looked at, at most. */
const ASIDE_MAX = 10_000
const REPEATS = 3

/**
 * Names of the `k` inputs that say most of the label, judged by training rows alone:
 *
 * - `anova`: each alone, by the F statistic between classes, or of a correlation with a value
 * - `information`: each alone, by mutual information
 * - `permutation`: by how far a model of all inputs loses on rows kept aside from its fit when one
 *   input has the values of other rows. Costs a fit of the learner and 3 predictions for each input;
 *   after an abort amid it, the inputs are ranked as by `anova`
 *
 * Of a sequence all are kept: its steps have the same inputs.
 *
 * @throws LimnError ERR_PREPARATION_SELECT (k is no whole number of at least 1, or there are no
 * labels), and what the learner's fit throws
 */
export async function chooseInputs(
  learner: Learner,
  examples: Examples,
  request: ChoiceRequest,
): Promise<readonly string[]> {
  const { k, by } = request.select
  if (!Number.isInteger(k) || k < 1) {
    const message = `${k} inputs cannot be selected; allowed: a whole number from 1`
    throw new LimnError('ERR_PREPARATION_SELECT', message)
  }
  if (examples.labels.length === 0) {
    const message = `inputs are selected by what they say of a label; there are no labels`
    throw new LimnError('ERR_PREPARATION_SELECT', message)
  }
  if (k >= examples.width || examples.steps > 1) return examples.names
  const scores =
    by === 'permutation' ? await byPermutation(learner, examples, request) : scoresOf(examples, by)
  const ranked = scores.map((score) => (Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score))
  return selectBest(ranked, k).map((input) => examples.names[input])
}

function scoresOf(examples: Examples, by: 'anova' | 'information'): Float64Array {
  if (by === 'information') return mutualInformation(examples)
  return examples.classes > 0 ? anovaF(examples) : correlationF(examples)
}

async function byPermutation(
  learner: Learner,
  examples: Examples,
  { classWeights, parameters, seed, signal }: ChoiceRequest,
): Promise<Float64Array> {
  const { labels, classes, count, task } = examples
  const folds = Math.min(PARTS, count)
  const [{ fit, held }] = foldRounds(labels, { folds, classes, seed })
  const training = takeExamples(examples, fit)
  const predictor = await learner.fit({ training, validation: null, parameters, seed, signal })
  const step = Math.ceil(held.length / ASIDE_MAX)
  const aside = takeExamples(
    examples,
    held.filter((_row, i) => i % step === 0),
  )
  const score = (outputs: Float32Array): number => {
    if (classWeights !== null) undoClassWeights(outputs, aside.count, classWeights)
    return -meanLoss(task, outputs, aside.labels, predictor.outputs)
  }
  const options = { score, seed, repeats: REPEATS, signal }
  const { mean } = await permutationImportance(predictor, aside, options)
  predictor.dispose()
  return mean.some(Number.isNaN) ? scoresOf(examples, 'anova') : mean
}

function takeExamples(examples: Examples, rows: Uint32Array): Examples {
  const { labels, weights } = examples
  return {
    ...examples,
    count: rows.length,
    rows: takeRows(examples.rows, examples.width, rows),
    labels: Float32Array.from(rows, (row) => labels[row]),
    weights: weights === null ? null : Float32Array.from(rows, (row) => weights[row]),
  }
}
