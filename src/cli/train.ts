import { join } from 'node:path'
import type { Command } from 'commander'
import { EVALUATED_TASKS, type EvaluatedTask } from '../model/evaluation/outcome.ts'
import { ModelRegistry } from '../model/registry.ts'
import { lossName } from '../model/training/loss.ts'
import { REPORT_FILE } from '../model/training/save-fitted.ts'
import { SEARCH_METHODS } from '../model/training/search.ts'
import { trainOnTable, type TrainingResult } from '../model/training/train-on-table.ts'
import { bestOfEach, leftOut } from '../model/training/training-report.ts'
import type { ModelManifest } from '../model/version/manifest.ts'
import { SELECTIONS } from '../model/definition.ts'
import { LimnError } from '../protocol/errors.ts'
import { command, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions } from './context.ts'
import { costsOf, fileAndLabel, numberIn, oneOf } from './model-options.ts'
import { numbersOf, numbersText } from './metrics-text.ts'
import { interruptible, modelRequest, searchProgress, withTrainer } from './training.ts'

interface TrainOptions extends CommonOptions {
  readonly seed: string
  readonly candidate?: boolean
  readonly learner?: string
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

export function trainCommand(): Command {
  return command('train', 'chooses, fits and evaluates a model and makes the version live', true)
    .argument('<model>', 'a model of the profile file, such as purchase; a new name with --table')
    .option('--seed <n>', 'seed of everything random', '1')
    .option('--learner <names>', 'only these, separated by commas (default: the search chooses)')
    .option('--candidate', 'save the version without making it live')
    .option('--table <csv>', 'train on a plain table instead of the journal; gzip is read too')
    .option('--label <column>', 'of a table: the column to predict')
    .option('--task <task>', `of a table: ${EVALUATED_TASKS.join(', ')} (default: by label)`)
    .option('--ignore <columns>', 'of a table: columns to leave out, separated by commas')
    .option('--time <column>', 'of a table: hold out the latest rows by this column')
    .option('--holdout <share>', 'of a table with --time: share of the time held out', '0.25')
    .option('--folds <n>', 'of a table: folds of the cross-validation', '5')
    .option('--search <method>', `of a table: ${SEARCH_METHODS.join(' or ')}`, 'random')
    .option('--trials <n>', 'of a table: settings tried for the best learner', '8')
    .option('--select <k>', 'of a table: only the k inputs that say most')
    .option('--select-by <measure>', `of a table: ${SELECTIONS.join(', ')}`, 'anova')
    .option('--balanced', 'of a table: rare classes weigh as much as frequent ones')
    .option('--costs <fp:fn>', 'of a table: threshold by what a false yes and a false no cost')
    .action(train)
}

async function train(name: string, options: TrainOptions): Promise<void> {
  const onTable = options.table !== undefined || options.label !== undefined
  const result = onTable ? await onPlainTable(name, options) : await onJournal(name, options)
  const { models } = loadSettings(options).config
  report(result, new ModelRegistry(models.dir), options)
}

function onJournal(name: string, options: TrainOptions): Promise<TrainingResult> {
  const request = modelRequest(loadSettings(options), name, Number(options.seed))
  const promote = options.candidate !== true
  return withTrainer((trainer, run) => {
    return trainer.train({ ...request, learners: learnersOf(options), promote }, run)
  })
}

async function onPlainTable(name: string, options: TrainOptions): Promise<TrainingResult> {
  const registry = new ModelRegistry(loadSettings(options).config.models.dir)
  const result = await interruptible((signal) =>
    trainOnTable(registry, {
      name,
      ...fileAndLabel(options),
      task: taskOf(options.task),
      learners: learnersOf(options),
      ignore: options.ignore?.split(',') ?? [],
      time: options.time ?? null,
      holdout: numberIn('--holdout', options.holdout ?? '0.25', { min: 0.01, max: 0.9 }),
      folds: numberIn('--folds', options.folds ?? '5', { min: 2, max: 20, whole: true }),
      search: {
        method: oneOf('--search', options.search ?? 'random', SEARCH_METHODS),
        trials: numberIn('--trials', options.trials ?? '8', { min: 0, max: 1_000, whole: true }),
      },
      select: selectOf(options),
      classWeights: options.balanced === true ? 'balanced' : 'none',
      threshold: options.costs === undefined ? { by: 'f1' } : costsOf(options.costs),
      calibration: 'auto',
      log: [],
      crosses: [],
      seed: Number(options.seed),
      signal,
      progress: searchProgress(),
    }),
  )
  if (options.candidate !== true) await registry.promote(name, result.manifest.version)
  return result
}

function learnersOf({ learner }: TrainOptions): string[] {
  return learner === undefined ? [] : learner.split(',')
}

function selectOf({ select, selectBy }: TrainOptions) {
  if (select === undefined) return null
  const k = numberIn('--select', select, { min: 1, max: 10_000, whole: true })
  return { k, by: oneOf('--select-by', selectBy ?? 'anova', SELECTIONS) }
}

function taskOf(task: string | undefined): EvaluatedTask | null {
  if (task === undefined) return null
  const known = EVALUATED_TASKS.find((one) => one === task)
  if (known !== undefined) return known
  const message = `no task "${task}"; there are: ${EVALUATED_TASKS.join(', ')}`
  throw new LimnError('ERR_LEARNER_TASK', message)
}

function report(
  { manifest, evaluation }: TrainingResult,
  registry: ModelRegistry,
  options: TrainOptions,
): void {
  const { model, version, learner, source, threshold, tried, failed, schema, split } = manifest
  const path = join(registry.directoryOf(model, version), REPORT_FILE)
  const { rows } = source
  if (options.json === true) {
    const members = manifest.members.map(({ learner: of, parameters }) => ({
      learner: of,
      parameters,
    }))
    const shown = { model, version, learner, members, rows, unlabelled: source.unlabelled }
    const choice = { threshold, split, tried, failed, ignored: schema.ignored, report: path }
    return printJson({ ...shown, ...choice, ...numbersOf(evaluation) })
  }
  print(`${model} version ${version}: ${manifest.target}`)
  print(`${learner}, chosen of ${tried.length} tried by ${lossName(manifest.task)}`)
  for (const one of bestOfEach(tried)) {
    const part = one.rounds < tried[0].rounds ? `, given up after ${one.rounds} rounds` : ''
    print(`  ${one.learner.padEnd(16)} ${one.loss.toFixed(4)}  ${one.seconds.toFixed(1)} s${part}`)
  }
  for (const one of failed) print(`  ${one.learner.padEnd(16)} not fitted: ${one.message}`)
  print(rowsText(manifest))
  for (const [reason, names] of leftOut(schema)) print(`${reason}: ${names}`)
  print(numbersText(evaluation.metrics))
  print(`report: ${path}`)
  print(options.candidate === true ? `not live; limn models promote ${model} ${version}` : 'live')
}

function rowsText({ source, split }: ModelManifest): string {
  if (split.kind === 'folds') {
    return `rows ${source.rows}; each was predicted by a model that was not fitted on it`
  }
  const from = new Date(split.holdoutFrom).toISOString()
  return `rows ${source.rows}: ${split.fittedRows} fitted on, ${split.validationRows} to choose by, ${split.gapRows} between, ${split.holdoutRows} held out from ${from}`
}
