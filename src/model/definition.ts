import { LimnError } from '../protocol/errors.ts'
import { LEARNERS, type LearnerName } from './learner.ts'

/** A model as configuration declares it: does `target.event` come within `target.within`? */
export interface ModelDefinition {
  readonly target: { readonly event: string; readonly within: string }
  readonly sampling?: {
    /** Share of events that are candidates for a row. Default 1; 0.25 with a `minGap`. */
    readonly rate?: number
    /** Least time between two rows of one profile. */
    readonly minGap?: string
    /** Most rows of one profile. */
    readonly perProfileMax?: number
    /** Most rows; above it every second row is dropped, again and again. */
    readonly rowsMax?: number
  }
  /** Part of the time range, at its end, that is kept for evaluation. */
  readonly holdout?: number
  readonly learners?: readonly LearnerName[]
}

/** A definition with its defaults, durations in milliseconds. */
export interface ModelPlan {
  readonly event: string
  readonly withinMs: number
  readonly rate: number
  readonly minGapMs: number
  readonly perProfileMax: number
  readonly rowsMax: number
  readonly holdout: number
  readonly learners: readonly LearnerName[]
}

const ROWS_MAX = 200_000
const HOLDOUT = 0.25
/** With a least gap, taking every event would take the first after each pause and few others. */
const RATE_WITH_GAP = 0.25

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** @throws LimnError ERR_MODEL_DEFINITION */
export function planModel(definition: ModelDefinition): ModelPlan {
  const { target, sampling = {}, holdout = HOLDOUT, learners = LEARNERS } = definition
  const minGapMs = durationMs(sampling.minGap ?? '0s')
  const plan = {
    event: target.event,
    withinMs: durationMs(target.within),
    rate: sampling.rate ?? (minGapMs > 0 ? RATE_WITH_GAP : 1),
    minGapMs,
    perProfileMax: sampling.perProfileMax ?? 65_535,
    rowsMax: sampling.rowsMax ?? ROWS_MAX,
    holdout,
    learners,
  }
  if (plan.withinMs <= 0) throw refused('`target.within` must be longer than 0')
  if (!(plan.rate > 0 && plan.rate <= 1)) throw refused('`sampling.rate` must be in (0, 1]')
  if (!(holdout > 0 && holdout < 1)) throw refused('`holdout` must be between 0 and 1')
  if (plan.rowsMax < 2) throw refused('`sampling.rowsMax` must be at least 2')
  if (learners.length === 0) throw refused('`learners` names none')
  return plan
}

function durationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(text)
  if (match === null) throw refused(`"${text}" is not a duration such as 30m, 24h or 7d`)
  return Number(match[1]) * UNIT_MS[match[2]]
}

function refused(reason: string): LimnError {
  return new LimnError('ERR_MODEL_DEFINITION', reason)
}
