import type { Command } from 'commander'
import type { Evaluation } from '../model/evaluation/evaluate.ts'
import { ModelRegistry } from '../model/registry.ts'
import { evaluateOnTable } from '../model/training/train-on-table.ts'
import { readModelVersion } from '../model/version/model-version.ts'
import { LimnError } from '../protocol/errors.ts'
import { command, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions } from './context.ts'
import { numbersOf, numbersText } from './metrics-text.ts'
import { fileAndLabel, versionOf } from './model-options.ts'
import { modelRequest, withTrainer } from './training.ts'
import { yieldToOthers } from './priority.ts'

interface EvaluateOptions extends CommonOptions {
  readonly table?: string
  readonly label?: string
}

const SEED = 1

export function evaluateCommand(): Command {
  return command('evaluate', 'a version on what the journal holds since its holdout began', true)
    .argument('<model>')
    .argument('[version]', 'default: the live one')
    .option('--table <csv>', 'evaluate a model of a table on another table')
    .option('--label <column>', 'the column of the table that it predicts')
    .action(evaluate)
}

async function evaluate(
  name: string,
  given: string | undefined,
  options: EvaluateOptions,
): Promise<void> {
  yieldToOthers()
  const settings = loadSettings(options)
  const registry = new ModelRegistry(settings.config.models.dir)
  const version = given === undefined ? await registry.liveVersion(name) : versionOf(given)
  if (version === null) {
    throw new LimnError('ERR_MODEL_UNKNOWN', `${name} has no live version; name one`)
  }
  if (options.table !== undefined || options.label !== undefined) {
    return evaluateTable(registry.directoryOf(name, version), options)
  }
  const request = modelRequest(settings, name, SEED)
  const evaluation = await withTrainer((trainer, run) =>
    trainer.evaluate({ ...request, version }, run),
  )
  report({ model: name, version }, evaluation, options)
}

async function evaluateTable(directory: string, options: EvaluateOptions): Promise<void> {
  const version = await readModelVersion(directory)
  const request = { ...fileAndLabel(options), seed: SEED }
  const { table, evaluation } = await evaluateOnTable(version, request)
  const { model, version: number, learner } = version.manifest
  version.dispose()
  const { unlabelled, unknownLabels, misfits } = table
  const shown = { model, version: number, learner, unlabelled, unknownLabels, misfits }
  report(shown, evaluation, options)
}

function report(
  shown: { readonly model: string; readonly version: number },
  evaluation: Evaluation,
  options: EvaluateOptions,
): void {
  const { rows, metrics } = evaluation
  if (options.json === true) return printJson({ ...shown, rows, ...numbersOf(evaluation) })
  print(`${shown.model} version ${shown.version} on ${rows} rows`)
  print(numbersText(metrics))
}
