import { durationMs } from '../profile/time.ts'
import { LimnError } from '../protocol/errors.ts'
import { modelFaults } from './definition-checks.ts'
import { MODEL_DEFAULTS, taskOf } from './definition-defaults.ts'
import type { Costs } from './evaluation/threshold.ts'

export const LABELS = ['happens', 'absent', 'count', 'sum', 'next'] as const
/**
 * How outcomes become a label: `happens` whether there is one, `absent` whether there is none,
 * `count` how many, `sum` of their value, `next` the value of the first that has one.
 */
export type Label = (typeof LABELS)[number]

export const MODEL_TASKS = ['binary', 'multiclass', 'count', 'regression'] as const
export type ModelTask = (typeof MODEL_TASKS)[number]

export const SAMPLING_POINTS = ['event', 'session', 'day'] as const
export type SamplingPoint = (typeof SAMPLING_POINTS)[number]

export const SELECTIONS = ['anova', 'information', 'permutation'] as const
export const SEARCH_METHODS = ['random', 'grid'] as const
export const CLASS_WEIGHTS = ['none', 'balanced'] as const
export const THRESHOLDS = ['f1', 'cost'] as const
export const CALIBRATIONS = ['auto', 'none', 'platt', 'isotonic'] as const

export interface TargetDefinition {
  /** Event names, message types, or `*`. */
  readonly event: string | readonly string[]
  /** Expression over the event. */
  readonly where?: string
  readonly label?: Label
  /** `sum`: a numeric expression over the event; `next`: one that gives text. */
  readonly value?: string
  readonly within: string
  /** `next`: the most frequent values, each a class of its own. */
  readonly classesMax?: number
}

export interface SamplingDefinition {
  readonly at?: SamplingPoint
  /** `session`: which event of it. */
  readonly nth?: number
  /** `event`: only at these. */
  readonly on?: string | readonly string[]
  /** Share of candidates. */
  readonly rate?: number
  /** Least time between two rows of one profile. */
  readonly minGap?: string
  /** Most rows of one profile. */
  readonly perProfileMax?: number
  /** `day`: only profiles whose last event is at most this old. */
  readonly activeWithin?: string
  /** Most rows; above it every second row is dropped, again and again. */
  readonly rowsMax?: number
}

/** Features by name, or by the beginning of their names: `spend*`. */
export interface FeatureChoice {
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** Of which the logarithm is taken. */
  readonly log: readonly string[]
  /** Pairs that are taken together. */
  readonly cross: readonly (readonly string[])[]
}

/** Settings instead of a learner's defaults, by its name. */
export type LearnerParameters = Readonly<Record<string, Readonly<Record<string, number>>>>

export interface SelectOptions {
  readonly k: number
  readonly by: (typeof SELECTIONS)[number]
}

export type ThresholdChoice = { readonly by: 'f1' } | ({ readonly by: 'cost' } & Costs)

export interface SearchOptions {
  readonly method: (typeof SEARCH_METHODS)[number]
  readonly trials: number
}

/** A model as configuration declares it; what is absent has the default of {@link planModel}. */
export interface ModelDefinition {
  readonly description?: string
  readonly target: TargetDefinition
  readonly task?: ModelTask
  readonly sampling?: SamplingDefinition
  readonly exclude?: { readonly bots?: boolean; readonly when?: string }
  readonly features?: Partial<FeatureChoice>
  readonly select?: { readonly k: number; readonly by?: SelectOptions['by'] }
  /** Part of the time range, at its end, that is kept for evaluation. */
  readonly holdout?: number
  readonly folds?: number
  readonly learners?: readonly string[]
  readonly parameters?: LearnerParameters
  readonly search?: Partial<SearchOptions>
  readonly classWeights?: (typeof CLASS_WEIGHTS)[number]
  readonly threshold?: { readonly by?: 'f1' | 'cost' } & Partial<Costs>
  readonly calibration?: (typeof CALIBRATIONS)[number]
}

export interface TargetPlan {
  readonly event: readonly string[]
  readonly where: string | null
  readonly label: Label
  readonly value: string | null
  /** ms */
  readonly within: number
  readonly classesMax: number
}

export interface SamplingPlan {
  readonly at: SamplingPoint
  readonly nth: number
  /** Null: all events. */
  readonly on: readonly string[] | null
  readonly rate: number
  /** ms */
  readonly minGap: number
  readonly perProfileMax: number
  /** ms */
  readonly activeWithin: number
  readonly rowsMax: number
}

/** A definition with its defaults, durations in milliseconds. */
export interface ModelPlan {
  readonly target: TargetPlan
  readonly task: ModelTask
  readonly sampling: SamplingPlan
  readonly exclude: { readonly bots: boolean; readonly when: string | null }
  readonly features: FeatureChoice
  readonly select: SelectOptions | null
  readonly holdout: number
  readonly folds: number
  readonly learners: readonly string[]
  readonly parameters: LearnerParameters
  readonly search: SearchOptions
  readonly classWeights: (typeof CLASS_WEIGHTS)[number]
  readonly threshold: ThresholdChoice
  readonly calibration: (typeof CALIBRATIONS)[number]
}

/** @throws LimnError ERR_MODEL_DEFINITION */
export function planModel(definition: ModelDefinition): ModelPlan {
  const [fault] = modelFaults(definition)
  if (fault !== undefined) {
    throw new LimnError('ERR_MODEL_DEFINITION', `${fault.path.join('.')}: ${fault.message}`)
  }
  const { select, exclude, features, search } = definition
  const task = taskOf(definition)
  return {
    target: planTarget(definition.target),
    task,
    sampling: planSampling(definition.sampling ?? {}),
    exclude: { bots: exclude?.bots ?? true, when: exclude?.when ?? null },
    features: { include: [], exclude: [], log: [], cross: [], ...features },
    select: select === undefined ? null : { k: select.k, by: select.by ?? 'anova' },
    holdout: definition.holdout ?? MODEL_DEFAULTS.holdout,
    folds: definition.folds ?? MODEL_DEFAULTS.folds,
    learners: definition.learners ?? defaultLearners(task),
    parameters: definition.parameters ?? {},
    search: { method: search?.method ?? 'random', trials: search?.trials ?? MODEL_DEFAULTS.trials },
    classWeights: definition.classWeights ?? 'none',
    threshold: planThreshold(definition.threshold ?? {}),
    calibration: definition.calibration ?? 'auto',
  }
}

/** What is predicted, in words: `Order Completed within 24h`. */
export function targetInWords({ event, where, label, value, within }: TargetPlan): string {
  const names = event.includes('*') ? 'any event' : event.join(' or ')
  const events = where === null ? names : `${names} where ${where}`
  const time = `within ${durationText(within)}`
  if (label === 'absent') return `no ${events.replace(/^any /, '')} ${time}`
  if (label === 'count') return `number of ${events} ${time}`
  if (label === 'sum') return `sum of ${value} of ${events} ${time}`
  if (label === 'next') return `${value} of the next ${events} ${time}`
  return `${events} ${time}`
}

/** A duration in the largest unit of which it is a whole number, at least two: `24h`, `30d`. */
export function durationText(ms: number): string {
  for (const [unit, length] of UNITS) {
    if (ms % length === 0 && ms >= 2 * length) return `${ms / length}${unit}`
  }
  return `${ms}ms`
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

function planTarget(target: TargetDefinition): TargetPlan {
  return {
    event: listOf(target.event),
    where: target.where ?? null,
    label: target.label ?? MODEL_DEFAULTS.label,
    value: target.value ?? null,
    within: durationMs(target.within),
    classesMax: target.classesMax ?? MODEL_DEFAULTS.classesMax,
  }
}

function planSampling(sampling: SamplingDefinition): SamplingPlan {
  return {
    at: sampling.at ?? MODEL_DEFAULTS.at,
    nth: sampling.nth ?? MODEL_DEFAULTS.nth,
    on: sampling.on === undefined ? null : listOf(sampling.on),
    rate: sampling.rate ?? MODEL_DEFAULTS.rate,
    minGap: durationMs(sampling.minGap ?? MODEL_DEFAULTS.minGap),
    perProfileMax: sampling.perProfileMax ?? MODEL_DEFAULTS.perProfileMax,
    activeWithin: durationMs(sampling.activeWithin ?? MODEL_DEFAULTS.activeWithin),
    rowsMax: sampling.rowsMax ?? MODEL_DEFAULTS.rowsMax,
  }
}

function planThreshold(given: NonNullable<ModelDefinition['threshold']>): ThresholdChoice {
  if (given.by !== 'cost') return { by: 'f1' }
  const { truePositive = 0, falsePositive = 0, falseNegative = 0, trueNegative = 0 } = given
  return { by: 'cost', truePositive, falsePositive, falseNegative, trueNegative }
}

function defaultLearners(task: ModelTask): readonly string[] {
  return task === 'binary' || task === 'multiclass'
    ? ['logistic', 'boosted_trees']
    : ['linear', 'boosted_trees']
}

function listOf(names: string | readonly string[]): readonly string[] {
  return typeof names === 'string' ? [names] : names
}
