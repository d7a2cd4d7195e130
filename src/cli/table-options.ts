import type { Command } from 'commander'
import { parse } from 'csv-parse/sync'
import { SELECTIONS } from '../model/definition.ts'
import { EVALUATED_TASKS, type EvaluatedTask } from '../model/evaluation/outcome.ts'
import { SEARCH_METHODS } from '../model/training/search.ts'
import type { TableTrainingRequest } from '../model/training/train-on-table.ts'
import { LimnError } from '../protocol/errors.ts'
import { costsOf, fileAndLabel, numberIn, oneOf } from './model-options.ts'

/** Options of a training on a plain table. */
export interface TableOptions {
  readonly table?: string
  readonly label?: string
  readonly task?: string
  readonly ignore?: string
  readonly time?: string
  readonly holdout?: string
  readonly folds?: string
  readonly search?: string
  readonly trials?: string
  readonly select?: string
  readonly selectBy?: string
  readonly balanced?: boolean
  readonly costs?: string
}

/** Each as it is written; without a table they say nothing. */
const OPTIONS: Readonly<Record<keyof TableOptions, string>> = {
  table: '--table',
  label: '--label',
  task: '--task',
  ignore: '--ignore',
  time: '--time',
  holdout: '--holdout',
  folds: '--folds',
  search: '--search',
  trials: '--trials',
  select: '--select',
  selectBy: '--select-by',
  balanced: '--balanced',
  costs: '--costs',
}

export function addTableOptions(command: Command): Command {
  return command
    .option('--table <csv>', 'train on a plain table instead of the journal; gzip is read too')
    .option('--label <column>', 'of a table: the column to predict')
    .option('--task <task>', `of a table: ${EVALUATED_TASKS.join(', ')} (default: by label)`)
    .option(
      '--ignore <columns>',
      'of a table: columns to leave out, with commas between (quoted as in CSV)',
    )
    .option('--time <column>', 'of a table: hold out the latest rows by this column')
    .option('--holdout <share>', 'of a table with --time: share of the time held out (0.25)')
    .option('--folds <n>', 'of a table: folds of the cross-validation (5)')
    .option('--search <method>', `of a table: ${SEARCH_METHODS.join(' or ')} (random)`)
    .option('--trials <n>', 'of a table: settings tried for the best learner (8)')
    .option('--select <k>', 'of a table: only the k inputs that say most')
    .option('--select-by <measure>', `of a table: ${SELECTIONS.join(', ')} (anova)`)
    .option('--balanced', 'of a table: rare classes weigh as much as frequent ones')
    .option('--costs <fp:fn>', 'of a table: threshold by what a false yes and a false no cost')
}

/**
 * Whether a training is on a table.
 * @throws LimnError ERR_CLI_OPTION where an option is given that is only for tables
 */
export function isOnTable(options: TableOptions): boolean {
  if (options.table !== undefined || options.label !== undefined) return true
  const given = (Object.keys(OPTIONS) as (keyof TableOptions)[]).find(
    (key) => options[key] !== undefined,
  )
  if (given === undefined) return false
  const message = `${OPTIONS[given]} goes with --table; a model of the profile file says it there`
  throw new LimnError('ERR_CLI_OPTION', message)
}

/** @throws LimnError ERR_CLI_OPTION, ERR_TABLE_LABEL, ERR_LEARNER_TASK */
export function tableRequest(
  options: TableOptions,
): Omit<TableTrainingRequest, 'name' | 'learners' | 'seed' | 'signal' | 'progress'> {
  const { time, holdout, folds, search, trials, selectBy, costs } = options
  onlyWith('--holdout', holdout, { option: '--time', value: time })
  onlyWith('--select-by', selectBy, { option: '--select', value: options.select })
  return {
    ...fileAndLabel(options),
    task: taskOf(options.task),
    ignore: options.ignore === undefined ? [] : namesIn('--ignore', options.ignore),
    time: time ?? null,
    holdout: numberIn('--holdout', holdout ?? '0.25', { min: 0.01, max: 0.9 }),
    folds: numberIn('--folds', folds ?? '5', { min: 2, max: 20, whole: true }),
    search: {
      method: oneOf('--search', search ?? 'random', SEARCH_METHODS),
      trials: numberIn('--trials', trials ?? '8', { min: 0, max: 1_000, whole: true }),
    },
    select: selectOf(options),
    classWeights: options.balanced === true ? 'balanced' : 'none',
    threshold: costs === undefined ? { by: 'f1' } : costsOf(costs),
    calibration: 'auto',
    log: [],
    crosses: [],
    parameters: {},
  }
}

/** Names between commas; one that holds a comma or a quote is quoted as in CSV. */
export function namesIn(option: string, text: string): string[] {
  try {
    const [names = [], ...others] = parse(text, {
      trim: true,
      relax_column_count: true,
    }) as string[][]
    const isList = names.length > 0 && others.length === 0
    if (isList && names.every((name) => name !== '')) return names
  } catch (cause) {
    throw new LimnError('ERR_CLI_OPTION', listMessage(option, text), { cause })
  }
  throw new LimnError('ERR_CLI_OPTION', listMessage(option, text))
}

function listMessage(option: string, text: string): string {
  return `${option} takes names between commas, one with a comma in quotes ("a,b",c), found ${JSON.stringify(text)}`
}

function selectOf({ select, selectBy }: TableOptions) {
  if (select === undefined) return null
  const k = numberIn('--select', select, { min: 1, max: 10_000, whole: true })
  return { k, by: oneOf('--select-by', selectBy ?? 'anova', SELECTIONS) }
}

function onlyWith(
  option: string,
  value: string | undefined,
  other: { readonly option: string; readonly value: string | undefined },
): void {
  if (value === undefined || other.value !== undefined) return
  throw new LimnError('ERR_CLI_OPTION', `${option} goes with ${other.option}`)
}

function taskOf(task: string | undefined): EvaluatedTask | null {
  if (task === undefined) return null
  const known = EVALUATED_TASKS.find((one) => one === task)
  if (known !== undefined) return known
  const message = `no task "${task}"; there are: ${EVALUATED_TASKS.join(', ')}`
  throw new LimnError('ERR_LEARNER_TASK', message)
}
