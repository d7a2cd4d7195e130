import type { Command } from 'commander'
import { command, group, printJson, print, type CommonOptions } from './context.ts'
import { datasetText, tableText } from './dataset-text.ts'
import { Progress } from './progress.ts'

export function datasetCommand(): Command {
  const dataset = group('dataset', 'training data as files: build them, and see what is in them')
  dataset.addCommand(
    command('describe', 'counts, time span, labels and columns of a dataset or a CSV file', true)
      .argument('<path>', 'directory of a dataset, or a .csv file, gzip too')
      .action(describe),
  )
  return dataset
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
