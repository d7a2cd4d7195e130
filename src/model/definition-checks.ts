import { durationMs } from '../profile/time.ts'
import type { Label, ModelDefinition, SamplingPoint } from './definition.ts'
import { MODEL_DEFAULTS, TASKS_OF_LABEL, taskOf } from './definition-defaults.ts'
import { LEARNER_TASKS } from './learners/learner-tasks.ts'

/** A fault of a definition: where in it, and what was found and is allowed. */
export interface ModelFault {
  readonly path: readonly string[]
  /** A key that must not be there, or a value that is off. */
  readonly of: 'key' | 'value'
  readonly message: string
}

/** Made by the fold itself, so no record says when they happened. */
const SIGNALS = ['Session Started', 'Session Ended']
const COSTS = ['truePositive', 'falsePositive', 'falseNegative', 'trueNegative'] as const

/** What of a definition makes no sense: durations, shares, and keys that do not go together. */
export function modelFaults(definition: ModelDefinition): ModelFault[] {
  return [
    ...targetFaults(definition),
    ...samplingFaults(definition),
    ...learningFaults(definition),
    ...thresholdFaults(definition),
  ]
}

function targetFaults(definition: ModelDefinition): ModelFault[] {
  const { target, task } = definition
  const label = target.label ?? MODEL_DEFAULTS.label
  const faults: ModelFault[] = [...signalFaults(['target', 'event'], target.event)]
  if (!(durationMs(target.within) > 0)) {
    faults.push(wrong(['target', 'within'], target.within, 'a duration longer than 0, such as 24h'))
  }
  faults.push(...valueFaults(target.value, label))
  if (target.classesMax !== undefined && label !== 'next') {
    faults.push(unused(['target', 'classesMax'], `the label "${label}"`, 'the label next'))
  } else if (target.classesMax !== undefined && !isWhole(target.classesMax, 2, 1_000)) {
    faults.push(wrong(['target', 'classesMax'], target.classesMax, 'a whole number 2–1000'))
  }
  const allowed = TASKS_OF_LABEL[label]
  if (task !== undefined && !allowed.includes(task)) {
    faults.push(wrong(['task'], task, `${allowed.join(' or ')}, for the label is "${label}"`))
  }
  return faults
}

function valueFaults(value: string | undefined, label: Label): ModelFault[] {
  const needed = label === 'sum' || label === 'next'
  if (needed === (value !== undefined)) return []
  if (!needed)
    return [unused(['target', 'value'], `the label "${label}"`, 'the labels sum and next')]
  return [{ path: ['target'], of: 'key', message: `missing "value", which "${label}" needs` }]
}

function signalFaults(path: readonly string[], names: string | readonly string[]): ModelFault[] {
  return [names]
    .flat()
    .filter((name) => SIGNALS.includes(name))
    .map((name) => wrong(path, name, 'events that arrive, message types or *'))
}

function samplingFaults({ sampling = {} }: ModelDefinition): ModelFault[] {
  const { at = MODEL_DEFAULTS.at, nth, on, rate, minGap, perProfileMax } = sampling
  const { activeWithin, rowsMax } = sampling
  const faults: ModelFault[] = []
  const only = (key: 'nth' | 'on' | 'activeWithin', point: SamplingPoint): void => {
    if (sampling[key] === undefined || at === point) return
    faults.push(unused(['sampling', key], `at: ${at}`, `at: ${point}`))
  }
  only('nth', 'session')
  only('on', 'event')
  only('activeWithin', 'day')
  const need = (key: string, value: unknown, fits: boolean, allowed: string): void => {
    if (value !== undefined && !fits) faults.push(wrong(['sampling', key], value, allowed))
  }
  need('nth', nth, isWhole(nth, 1, 1_000_000), 'a whole number from 1')
  need('rate', rate, rate !== undefined && rate > 0 && rate <= 1, 'above 0, at most 1')
  need('minGap', minGap, durationMs(minGap ?? '') >= 0, 'a duration such as 6h')
  need('activeWithin', activeWithin, durationMs(activeWithin ?? '') > 0, 'a duration such as 30d')
  need('perProfileMax', perProfileMax, isWhole(perProfileMax, 1, 65_535), 'a whole number 1–65535')
  need('rowsMax', rowsMax, isWhole(rowsMax, 2, 50_000_000), 'a whole number 2–50000000')
  if (on !== undefined) faults.push(...signalFaults(['sampling', 'on'], on))
  return faults
}

function learningFaults(definition: ModelDefinition): ModelFault[] {
  const { holdout, folds, learners, select, search, classWeights, calibration } = definition
  const faults: ModelFault[] = []
  if (holdout !== undefined && !(holdout > 0 && holdout < 1)) {
    faults.push(wrong(['holdout'], holdout, 'between 0 and 1'))
  }
  if (folds !== undefined && folds !== 0 && !isWhole(folds, 2, 10)) {
    faults.push(wrong(['folds'], folds, '0 for a split by time, or 2–10'))
  }
  if (select !== undefined && !isWhole(select.k, 1, 100_000)) {
    faults.push(wrong(['select', 'k'], select.k, 'a whole number from 1'))
  }
  if (search?.trials !== undefined && !isWhole(search.trials, 0, 1_000)) {
    faults.push(wrong(['search', 'trials'], search.trials, 'a whole number 0–1000'))
  }
  if (learners !== undefined) faults.push(...learnerFaults(definition, learners))
  for (const name of Object.keys(definition.parameters ?? {})) {
    const known = Object.keys(LEARNER_TASKS)
    if (known.includes(name)) continue
    faults.push(wrong(['parameters', name], name, `learners: ${known.join(', ')}`))
  }
  const task = taskOf(definition)
  if (task === 'binary' || task === 'multiclass') return faults
  const allowed = `only for classes; the task is ${task}`
  if (classWeights === 'balanced') faults.push(wrong(['classWeights'], classWeights, allowed))
  if (calibration === 'platt' || calibration === 'isotonic') {
    faults.push(wrong(['calibration'], calibration, `auto or none; the task is ${task}`))
  }
  return faults
}

function learnerFaults(definition: ModelDefinition, learners: readonly string[]): ModelFault[] {
  const task = taskOf(definition)
  const able = Object.keys(LEARNER_TASKS).filter((name) => LEARNER_TASKS[name].includes(task))
  if (learners.length === 0) return [wrong(['learners'], 'none', able.join(', '))]
  return learners.flatMap((name, i) =>
    able.includes(name)
      ? []
      : [wrong(['learners', String(i)], name, `those that learn "${task}": ${able.join(', ')}`)],
  )
}

function thresholdFaults(definition: ModelDefinition): ModelFault[] {
  const { threshold } = definition
  if (threshold === undefined) return []
  const { by = 'f1' } = threshold
  const costs = COSTS.filter((key) => threshold[key] !== undefined)
  const task = taskOf(definition)
  if (by === 'cost' && task !== 'binary') {
    return [wrong(['threshold', 'by'], by, `f1; costs are for the task binary, and it is ${task}`)]
  }
  if (by === 'f1') return costs.map((key) => unused(['threshold', key], 'by: f1', 'by: cost'))
  if (costs.some((key) => threshold[key] !== 0)) return []
  const message = `found no cost; needed: at least one of ${COSTS.join(', ')} other than 0`
  return [{ path: ['threshold'], of: 'key', message }]
}

function isWhole(value: number | undefined, least: number, most: number): boolean {
  return value !== undefined && Number.isInteger(value) && value >= least && value <= most
}

function wrong(path: readonly string[], found: unknown, allowed: string): ModelFault {
  return { path, of: 'value', message: `found ${JSON.stringify(found)}; allowed: ${allowed}` }
}

function unused(path: readonly string[], by: string, allowed: string): ModelFault {
  return { path, of: 'key', message: `not used with ${by}; allowed: with ${allowed}` }
}
