import type { Command } from 'commander'
import { ModelRegistry } from '../model/registry.ts'
import { LimnError } from '../protocol/errors.ts'
import { command, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions } from './context.ts'
import { metricsText } from './train.ts'
import { evaluateTable } from './train-table.ts'
import type { TableOptions } from './train-table.ts'
import { modelRequest, withTrainer } from './training.ts'

export function evaluateCommand(): Command {
  return command('evaluate', 'a version on what the journal holds since its holdout began', true)
    .argument('<model>')
    .argument('[version]', 'default: the live one')
    .option('--table <csv>', 'evaluate a model of a table on another table')
    .option('--label <column>', 'the column of the table that it predicts')
    .action((name: string, version: string | undefined, options: TableOptions) =>
      options.table === undefined && options.label === undefined
        ? evaluate(name, version, options)
        : evaluateTable(name, version, options),
    )
}

async function evaluate(
  name: string,
  given: string | undefined,
  options: CommonOptions,
): Promise<void> {
  const request = modelRequest(loadSettings(options), name)
  const version =
    given === undefined
      ? await new ModelRegistry(request.modelsDir).liveVersion(name)
      : Number(given)
  if (version === null || !Number.isInteger(version)) {
    throw new LimnError('ERR_MODEL_UNKNOWN', `${name} has no live version; name one`)
  }
  const { metrics } = await withTrainer((trainer, run) =>
    trainer.evaluate({ ...request, version }, run),
  )
  if (options.json === true) return printJson({ model: name, version, rows: metrics.rows, metrics })
  print(`${name} version ${version} on ${metrics.rows} rows (${metrics.positives} positive)`)
  print(metricsText(metrics))
}
