import { join } from 'node:path'
import type { Command } from 'commander'
import { ModelRegistry } from '../model/registry.ts'
import { lossName } from '../model/training/loss.ts'
import { REPORT_FILE } from '../model/training/save-fitted.ts'
import type { TrainingResult } from '../model/training/train-on-table.ts'
import { bestOfEach, holdoutText, leftOut } from '../model/training/training-report.ts'
import type { ModelManifest } from '../model/version/manifest.ts'
import { LimnError } from '../protocol/errors.ts'
import { command, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions, Settings } from './context.ts'
import { seedOf } from './model-options.ts'
import { numbersOf, numbersText } from './metrics-text.ts'
import { addTableOptions, isOnTable, namesIn, tableRequest } from './table-options.ts'
import type { TableOptions } from './table-options.ts'
import { modelRequest, withTrainer } from './training.ts'
import { yieldToOthers } from './priority.ts'

interface TrainOptions extends CommonOptions, TableOptions {
  readonly seed: string
  readonly candidate?: boolean
  readonly learner?: string
}

export function trainCommand(): Command {
  const made = command(
    'train',
    'chooses, fits and evaluates a model and makes the version live',
    true,
  )
    .argument('<model>', 'a model of the profile file, such as purchase; a new name with --table')
    .option('--seed <n>', 'seed of everything random', '1')
    .option('--learner <names>', 'only these, separated by commas (default: the search chooses)')
    .option('--candidate', 'save the version without making it live')
  return addTableOptions(made).action(train)
}

async function train(name: string, options: TrainOptions): Promise<void> {
  yieldToOthers()
  const settings = loadSettings(options)
  const result = isOnTable(options)
    ? await onPlainTable(settings, name, options)
    : await onJournal(settings, name, options)
  report(result, new ModelRegistry(settings.config.models.dir), options)
}

function onJournal(
  settings: Settings,
  name: string,
  options: TrainOptions,
): Promise<TrainingResult> {
  const request = modelRequest(settings, name, seedOf(options.seed))
  const promote = options.candidate !== true
  const learners = learnersOf(options)
  return withTrainer((trainer, run) => trainer.train({ ...request, learners, promote }, run))
}

function onPlainTable(
  { config, profile }: Settings,
  name: string,
  options: TrainOptions,
): Promise<TrainingResult> {
  if (Object.hasOwn(profile.models, name)) {
    const message = `"${name}" is a model of ${config.profile.file}, which learns from the journal; give the table's model another name`
    throw new LimnError('ERR_MODEL_KIND', message)
  }
  const request = {
    name,
    ...tableRequest(options),
    learners: learnersOf(options),
    seed: seedOf(options.seed),
    modelsDir: config.models.dir,
    promote: options.candidate !== true,
  }
  return withTrainer((trainer, run) => trainer.trainTable(request, run))
}

function learnersOf({ learner }: TrainOptions): string[] {
  return learner === undefined ? [] : namesIn('--learner', learner)
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
  const from = holdoutText(source, split.holdoutFrom)
  return `rows ${source.rows}: ${split.fittedRows} fitted on, ${split.validationRows} to choose by, ${split.gapRows} between, ${split.holdoutRows} held out from ${from}`
}
