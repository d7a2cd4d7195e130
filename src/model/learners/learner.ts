import { LimnError } from '../../protocol/errors.ts'
import type { Task, InputForm, Parameters, Predictor, PredictorReader } from './predictor.ts'

/** Tasks that are learned from labels. */
export const SUPERVISED: readonly Task[] = ['binary', 'multiclass', 'regression', 'count', 'series']

/**
 * Rows to learn from. `rows` is `count × width`, row by row; a sequence learner's row is `steps` steps
 * of `width / steps` inputs each, the latest last, and NaN in all inputs of a step that is not there.
 * For `series` the labels are the series in order of time, and `width` is 0.
 */
export interface Examples {
  readonly task: Task
  readonly names: readonly string[]
  readonly width: number
  readonly steps: number
  readonly count: number
  readonly rows: Float32Array
  /** Class index, or value; of length `count`, or 0 where nothing is labelled. */
  readonly labels: Float32Array
  /** Number of classes: 2 for `binary`, 0 where there are none. */
  readonly classes: number
  /** Of each row, all above 0; null: all 1. */
  readonly weights: Float32Array | null
}

/** A setting of a learner: what it means, its default, and what a search may try. */
export interface Parameter {
  readonly description: string
  readonly value: number
  readonly min: number
  readonly max: number
  readonly whole: boolean
  /** Values of a grid; also the range that a random search draws from, first to last. */
  readonly grid: readonly number[]
  /** A random search draws on a logarithmic scale. */
  readonly logarithmic: boolean
}

export interface FitRequest {
  readonly training: Examples
  /** Rows for early stopping; null: the learner keeps some of its own, or needs none. */
  readonly validation: Examples | null
  /** Those not named have their defaults. */
  readonly parameters: Parameters
  readonly seed: number
  /** Ends fitting as soon as possible with the best so far. */
  readonly signal?: AbortSignal
  readonly progress?: (progress: FitProgress) => void
}

export interface FitProgress {
  readonly done: number
  readonly total: number
  /** On the validation rows, where there are any. */
  readonly loss: number | null
}

/**
 * A kind of model. Deterministic: equal requests on the same machine give equal models.
 */
export interface Learner extends PredictorReader {
  /** As on the command line and in configuration. */
  readonly name: string
  readonly title: string
  readonly tasks: readonly Task[]
  readonly form: InputForm
  readonly parameters: Readonly<Record<string, Parameter>>
  /**
   * @throws LimnError ERR_LEARNER_TASK, ERR_LEARNER_INPUT, ERR_LEARNER_PARAMETER (see
   * {@link checkRequest}), ERR_DATASET_EMPTY, ERR_DATASET_ONE_CLASS, ERR_MODEL_DIVERGED
   */
  fit(request: FitRequest): Promise<Predictor>
}

/** A parameter's description with the usual defaults filled in. */
export function parameter(
  description: string,
  value: number,
  options: Partial<Omit<Parameter, 'description' | 'value'>> = {},
): Parameter {
  return {
    description,
    value,
    min: Number.NEGATIVE_INFINITY,
    max: Number.POSITIVE_INFINITY,
    whole: false,
    grid: [value],
    logarithmic: false,
    ...options,
  }
}

/**
 * Checks a request before anything is fitted, and returns all parameters with their values.
 * @throws LimnError ERR_LEARNER_TASK, ERR_LEARNER_PARAMETER, ERR_LEARNER_INPUT (a shape that is off,
 * a value that is not finite, a label that is no class), ERR_DATASET_EMPTY, ERR_DATASET_ONE_CLASS
 */
export function checkRequest(learner: Learner, request: FitRequest): Parameters {
  const { training, validation } = request
  checkTask(learner, training.task)
  const parameters = fillParameters(learner, request.parameters)
  checkExamples(learner, training, 'training')
  if (training.count === 0) throw new LimnError('ERR_DATASET_EMPTY', 'there are no rows to fit')
  if (training.classes > 0) checkClasses(training)
  if (validation !== null) {
    checkExamples(learner, validation, 'validation')
    if (
      validation.width !== training.width ||
      validation.steps !== training.steps ||
      validation.task !== training.task
    ) {
      throw refused('validation rows have other inputs than training rows')
    }
  }
  return parameters
}

function checkTask(learner: Learner, task: Task): void {
  if (learner.tasks.includes(task)) return
  const message = `${learner.name} does not learn "${task}"; it learns: ${learner.tasks.join(', ')}`
  throw new LimnError('ERR_LEARNER_TASK', message)
}

/**
 * All parameters with their values: those given, the others by default.
 * @throws LimnError ERR_LEARNER_PARAMETER (unknown, or out of its range)
 */
export function fillParameters(learner: Learner, given: Parameters): Parameters {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(learner.parameters, name)) {
      const known = Object.keys(learner.parameters).join(', ') || 'none'
      throw badParameter(`${learner.name} has no parameter "${name}"; it has: ${known}`)
    }
    const { min, max, whole } = learner.parameters[name]
    if (value >= min && value <= max && (!whole || Number.isInteger(value))) continue
    const kind = whole ? 'a whole number' : 'a number'
    throw badParameter(
      `${learner.name}: ${name} is ${value}; allowed: ${kind} from ${min} to ${max}`,
    )
  }
  const names = Object.keys(learner.parameters)
  return Object.fromEntries(
    names.map((name) => [name, given[name] ?? learner.parameters[name].value]),
  )
}

function badParameter(message: string): LimnError {
  return new LimnError('ERR_LEARNER_PARAMETER', message)
}

function checkExamples(learner: Learner, examples: Examples, which: string): void {
  const { rows, labels, weights, count, width, names, steps, task } = examples
  if (rows.length !== count * width || names.length !== width || width % steps !== 0) {
    throw refused(`${which} rows are ${rows.length} numbers, not ${count} × ${width}`)
  }
  const labelled = SUPERVISED.includes(task) ? count : 0
  if (labels.length !== labelled)
    throw refused(`${which} has ${labels.length} labels, not ${labelled}`)
  if (weights !== null && weights.length !== count) {
    throw refused(`${which} has ${weights.length} weights for ${count} rows`)
  }
  const missingAllowed = learner.form !== 'dense'
  for (let i = 0; i < rows.length; i++) {
    if (rows[i] - rows[i] === 0 || (missingAllowed && Number.isNaN(rows[i]))) continue
    const where = `row ${Math.floor(i / width)}, input "${names[i % width]}"`
    throw refused(`${which} ${where} is ${rows[i]}; ${learner.name} takes finite numbers`)
  }
  checkLabels(examples, which)
}

function checkLabels({ labels, weights, classes, task }: Examples, which: string): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]
    const fits =
      classes > 0
        ? Number.isInteger(label) && label >= 0 && label < classes
        : Number.isFinite(label) && (task !== 'count' || label >= 0)
    if (fits) continue
    const allowed = classes > 0 ? `a class from 0 to ${classes - 1}` : 'a finite number'
    throw refused(`${which} row ${i} has the label ${label}; allowed: ${allowed}`)
  }
  if (weights === null) return
  const bad = weights.findIndex((weight) => !(weight > 0) || !Number.isFinite(weight))
  if (bad >= 0)
    throw refused(`${which} row ${bad} has the weight ${weights[bad]}; allowed: above 0`)
}

function checkClasses({ labels }: Examples): void {
  if (labels.some((label) => label !== labels[0])) return
  const message = `all ${labels.length} rows are of class ${labels[0]}; there is nothing to tell apart`
  throw new LimnError('ERR_DATASET_ONE_CLASS', message)
}

function refused(message: string): LimnError {
  return new LimnError('ERR_LEARNER_INPUT', message)
}
