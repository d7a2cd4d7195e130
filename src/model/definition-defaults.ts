import type { Label, ModelDefinition, ModelTask } from './definition.ts'

/** What a definition has where it says nothing. */
export const MODEL_DEFAULTS = {
  label: 'happens',
  classesMax: 20,
  at: 'event',
  nth: 3,
  rate: 1,
  minGap: '0s',
  perProfileMax: 2_000,
  activeWithin: '30d',
  rowsMax: 150_000,
  holdout: 0.25,
  folds: 0,
  trials: 4,
} as const

/** Tasks that a label allows, the usual one first. */
export const TASKS_OF_LABEL: Readonly<Record<Label, readonly ModelTask[]>> = {
  happens: ['binary'],
  absent: ['binary'],
  next: ['multiclass'],
  count: ['count', 'regression'],
  sum: ['regression', 'count'],
}

/** The task of a definition: named, or as follows from its label. */
export function taskOf({ task, target }: ModelDefinition): ModelTask {
  return task ?? TASKS_OF_LABEL[target.label ?? MODEL_DEFAULTS.label][0]
}
