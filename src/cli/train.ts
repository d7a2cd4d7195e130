import type { Command } from 'commander'
import type { TrainResult } from '../model/train.ts'
import { LimnError } from '../protocol/errors.ts'
import { command, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions } from './context.ts'
import { trainTable } from './train-table.ts'
import type { TrainTableOptions } from './train-table.ts'
import { modelRequest, withTrainer } from './training.ts'

interface TrainCommandOptions extends CommonOptions {
  readonly seed: string
  readonly candidate?: boolean
  readonly learner?: string
}

export function trainCommand(): Command {
  return command('train', 'replays the journal, trains, evaluates and makes the version live', true)
    .argument('<model>', 'a model of the profile file, such as purchase')
    .option('--seed <n>', 'seed of everything random', '1')
    .option('--learner <name>', 'only this learner (default: the search chooses)')
    .option('--candidate', 'save the version without making it live')
    .option('--table <csv>', 'train on a plain table instead of the journal; gzip is read too')
    .option('--label <column>', 'the column of the table to predict')
    .option(
      '--task <task>',
      'of a table: binary, multiclass, regression or count (default: by label)',
    )
    .option('--ignore <columns>', 'columns of the table to leave out, separated by commas')
    .option('--trials <n>', 'of a table: settings tried for the best learner')
    .action((name: string, options: TrainCommandOptions & TrainTableOptions) =>
      options.table === undefined && options.label === undefined
        ? train(name, options)
        : trainTable(name, options),
    )
}

async function train(name: string, options: TrainCommandOptions): Promise<void> {
  const request = modelRequest(loadSettings(options), name)
  const result = await withTrainer((trainer, run) => {
    const model =
      options.learner === undefined
        ? request.model
        : { ...request.model, learners: [learner(options.learner)] }
    const promote = options.candidate !== true
    return trainer.train({ ...request, model, seed: Number(options.seed), promote }, run)
  })
  report(result, options)
}

function learner(name: string): 'logistic' | 'network' {
  if (name === 'logistic' || name === 'network') return name
  throw new LimnError('ERR_MODEL_DEFINITION', `no learner "${name}"; there are: logistic, network`)
}

function report(result: TrainResult, options: TrainCommandOptions): void {
  const { manifest } = result
  const { model, version, metrics, data, split, learner: chosen, tried } = manifest
  if (options.json === true) {
    return printJson({
      model,
      version,
      learner: chosen,
      rows: data.rows,
      positives: data.positives,
      metrics,
      tried,
      split,
      seconds: result.seconds,
    })
  }
  print(
    `${model} version ${version}: ${chosen} (validation log loss ${Object.entries(tried)
      .map(([n, l]) => `${n} ${l.toFixed(4)}`)
      .join(', ')})`,
  )
  print(
    `rows ${data.rows} (${data.positives} positive): ${split.trainingRows} to train, ${split.validationRows} to choose, ${split.holdoutRows} held out from ${new Date(split.holdoutFrom).toISOString()}`,
  )
  print(metricsText(metrics))
  print(options.candidate === true ? `not live; limn models promote ${model} ${version}` : 'live')
}

/** One line of the metrics that people look at first. */
export function metricsText(metrics: {
  rocAuc: number
  prAuc: number
  logLoss: number
  brier: number
  ece: number
  f1: number
  accuracy: number
  precision: number
  recall: number
}): string {
  const shown = [
    'rocAuc',
    'prAuc',
    'logLoss',
    'brier',
    'ece',
    'accuracy',
    'precision',
    'recall',
    'f1',
  ] as const
  return shown.map((name) => `${name} ${metrics[name].toFixed(4)}`).join('  ')
}
