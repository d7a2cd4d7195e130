import { join } from 'node:path'
import type { Evaluation } from '../model/evaluation/evaluate.ts'
import { EVALUATED_TASKS, type EvaluatedTask } from '../model/evaluation/outcome.ts'
import { ModelRegistry } from '../model/registry.ts'
import { loadTableModel } from '../model/training/table-model.ts'
import {
  evaluateOnTable,
  trainOnTable,
  type TableTrainingResult,
} from '../model/training/table-training.ts'
import { lossName } from '../model/training/loss.ts'
import { bestOfEach } from '../model/training/table-report.ts'
import { LimnError } from '../protocol/errors.ts'
import { loadSettings, note, print, printJson } from './context.ts'
import type { CommonOptions } from './context.ts'
import { Progress } from './progress.ts'

export interface TableOptions extends CommonOptions {
  readonly table?: string
  readonly label?: string
}

export interface TrainTableOptions extends TableOptions {
  readonly seed: string
  readonly learner?: string
  readonly task?: string
  readonly ignore?: string
  readonly trials?: string
  readonly candidate?: boolean
}

const REPORT = 'report.html'

/** `limn train <name> --table <csv> --label <column>` */
export async function trainTable(name: string, options: TrainTableOptions): Promise<void> {
  const { file, label } = tableOf(options)
  const registry = registryOf(options)
  const progress = new Progress('search', 'fits')
  const abort = new AbortController()
  const interrupt = (): void => {
    note('interrupted: the best so far is kept; once more to stop at once')
    abort.abort()
  }
  process.once('SIGINT', interrupt)
  try {
    const result = await trainOnTable(registry, {
      name,
      file,
      label,
      task: taskOf(options.task),
      learners: options.learner === undefined ? [] : [options.learner],
      ignore: options.ignore === undefined ? [] : options.ignore.split(','),
      seed: Number(options.seed),
      trials: options.trials === undefined ? undefined : Number(options.trials),
      signal: abort.signal,
      progress: ({ done, total, learner, best, secondsLeft }) => {
        const loss = best === null ? '' : `, best loss ${best.toFixed(4)}`
        progress.estimate(secondsLeft)
        progress.update(done, total, `${learner}${loss}`)
      },
    })
    if (options.candidate !== true) await registry.promote(name, result.manifest.version)
    reportTraining(result, registry, options)
  } finally {
    process.removeListener('SIGINT', interrupt)
  }
}

/** `limn evaluate <name> [version] --table <csv> --label <column>` */
export async function evaluateTable(
  name: string,
  given: string | undefined,
  options: TableOptions,
): Promise<void> {
  const { file, label } = tableOf(options)
  const registry = registryOf(options)
  const version = given === undefined ? await registry.liveVersion(name) : Number(given)
  if (version === null || !Number.isInteger(version)) {
    throw new LimnError('ERR_MODEL_UNKNOWN', `${name} has no live version; name one`)
  }
  const model = await loadTableModel(registry.directoryOf(name, version))
  const { table, evaluation } = await evaluateOnTable(model, { file, label, seed: 1 })
  const { learner } = model.manifest
  model.dispose()
  const rows = table.count
  const shown = { model: name, version, learner, rows, unlabelled: table.unlabelled }
  if (options.json === true) {
    const { unknownLabels, misfits } = table
    return printJson({ ...shown, unknownLabels, misfits, ...numbersOf(evaluation) })
  }
  print(`${name} version ${version} (${learner}) on ${rows} rows`)
  print(numbersText(evaluation.metrics))
}

function tableOf({ table, label }: TableOptions): { file: string; label: string } {
  if (table !== undefined && label !== undefined) return { file: table, label }
  throw new LimnError(
    'ERR_TABLE_LABEL',
    '--table and --label go together: a CSV file, and the column to predict',
  )
}

function taskOf(task: string | undefined): EvaluatedTask | null {
  if (task === undefined) return null
  const known = EVALUATED_TASKS.find((one) => one === task)
  if (known !== undefined) return known
  throw new LimnError(
    'ERR_LEARNER_TASK',
    `no task "${task}"; there are: ${EVALUATED_TASKS.join(', ')}`,
  )
}

function registryOf(options: CommonOptions): ModelRegistry {
  return new ModelRegistry(loadSettings(options).config.models.dir)
}

function reportTraining(
  { manifest, evaluation }: TableTrainingResult,
  registry: ModelRegistry,
  options: TrainTableOptions,
): void {
  const { model, version, learner, data, threshold, tried, schema } = manifest
  const report = join(registry.directoryOf(model, version), REPORT)
  if (options.json === true) {
    const { rows, unlabelled } = data
    const members = manifest.members.map(({ learner: name, parameters }) => ({
      learner: name,
      parameters,
    }))
    const shown = { model, version, learner, members, rows, unlabelled, threshold, tried, report }
    return printJson({ ...shown, ignored: schema.ignored, ...numbersOf(evaluation) })
  }
  print(
    `${model} version ${version}: ${learner} of ${tried.length} tried (${lossName(manifest.task)})`,
  )
  for (const one of bestOfEach(tried)) {
    const part = one.folds < tried[0].folds ? `, given up after ${one.folds} folds` : ''
    print(`  ${one.learner.padEnd(16)} ${one.loss.toFixed(4)}  ${one.seconds.toFixed(1)} s${part}`)
  }
  print(`rows ${data.rows}; each was predicted by a model that was not fitted on it`)
  for (const { name, reason } of schema.ignored) print(`left out: ${name} (${reason})`)
  print(numbersText(evaluation.metrics))
  print(`report: ${report}`)
}

/** Metrics as plain numbers, their intervals and the baselines beside. */
function numbersOf({ metrics, baselines, confidence }: Evaluation): Record<string, unknown> {
  const values = (of: Evaluation['metrics']): Record<string, number | null> =>
    Object.fromEntries(Object.entries(of).map(([name, { value }]) => [name, value]))
  const intervals = Object.entries(metrics).map(([name, { low, high }]) => [name, [low, high]])
  return {
    metrics: values(metrics),
    confidence,
    intervals: Object.fromEntries(intervals) as Record<string, unknown>,
    baselines: baselines.map(({ name, description, metrics: of }) => {
      return { name, description, metrics: values(of) }
    }),
  }
}

function numbersText(metrics: Evaluation['metrics']): string {
  return Object.entries(metrics)
    .flatMap(([name, { value }]) => (value === null ? [] : [`${name} ${value.toFixed(4)}`]))
    .join('  ')
}
