import type { Command } from 'commander'
import { workerEntry } from '../engine.ts'
import type { DatasetProgress } from '../model/dataset-files/build-dataset.ts'
import { Trainer } from '../model/trainer.ts'
import { LimnError } from '../protocol/errors.ts'
import { command, group, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions } from './context.ts'
import { builtText, datasetText, tableText } from './dataset-text.ts'
import { Progress } from './progress.ts'
import { modelRequest } from './training.ts'
import { yieldToOthers } from './priority.ts'

interface BuildCommandOptions extends CommonOptions {
  readonly out: string
  readonly rowsMax?: string
  readonly overwrite?: boolean
}

/** Sampling is by hashes: nothing is drawn. */
const SEED = 1

export function datasetCommand(): Command {
  const dataset = group('dataset', 'training data as files: build them, and see what is in them')
  dataset.addCommand(
    command('build', 'replays the journal into Parquet files with a manifest', true)
      .argument('<model>', 'a model of the profile file, such as purchase')
      .requiredOption('-o, --out <dir>', 'directory of the dataset; new or empty')
      .option('--rows-max <n>', 'halve the rows by their hashes until there are no more than these')
      .option('--overwrite', 'replace a dataset that is there')
      .action(build),
  )
  dataset.addCommand(
    command('describe', 'counts, time span, labels and columns of a dataset or a CSV file', true)
      .argument('<path>', 'directory of a dataset, or a .csv file, gzip too')
      .action(describe),
  )
  return dataset
}

async function build(name: string, options: BuildCommandOptions): Promise<void> {
  yieldToOthers()
  const request = modelRequest(loadSettings(options), name, SEED)
  const { out: directory, overwrite = false } = options
  const rowsMax = options.rowsMax === undefined ? null : rowsOf(options.rowsMax)
  const trainer = new Trainer({ filename: workerEntry('train') })
  const abort = new AbortController()
  const interrupt = (): void => abort.abort()
  process.once('SIGINT', interrupt)
  try {
    const run = { progress: showProgress(), interrupt: abort.signal }
    const manifest = await trainer.dataset({ ...request, directory, overwrite, rowsMax }, run)
    if (options.json === true) printJson({ directory, ...manifest })
    else print(builtText(directory, manifest))
  } finally {
    process.removeListener('SIGINT', interrupt)
    await trainer.close()
  }
}

function showProgress(): (at: DatasetProgress) => void {
  const replay = new Progress('replay', 'records')
  const write = new Progress('write', 'rows')
  return (at) => {
    if (at.stage === 'write') write.update(at.rows, at.rowsTotal)
    else replay.update(at.records, at.recordsTotal, `${at.rows} rows`)
  }
}

function rowsOf(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  const message = `--rows-max is a whole number from 1 on, found "${text}"`
  throw new LimnError('ERR_MODEL_DEFINITION', message)
}

async function describe(path: string, options: CommonOptions): Promise<void> {
  if (/\.csv(\.gz)?$/i.test(path)) {
    const { describeTable } = await import('../model/table/describe-table.ts')
    const table = await describeTable(path)
    return options.json === true ? printJson(table) : print(tableText(path, table))
  }
  const { describeDataset } = await import('../model/dataset-files/describe-dataset.ts')
  const bar = new Progress('describe', 'rows')
  const description = await describeDataset(path, {
    progress: (rows, total) => bar.update(rows, total),
  })
  if (options.json === true) return printJson(description)
  print(datasetText(path, description))
}
