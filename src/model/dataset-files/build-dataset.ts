import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { LimnError } from '../../protocol/errors.ts'
import { frequentClasses, plainClasses } from '../dataset/labels.ts'
import type { Moment } from '../dataset/outcomes.ts'
import { replayJournal, type Replayed, type ReplayProgress } from '../dataset/replay.ts'
import { durationText, targetInWords, type ModelPlan } from '../definition.ts'
import type { ReplaySource } from '../dataset/replay-source.ts'
import { checkFeatureNames } from './columns.ts'
import { checkDirectory, writeDataset, type DatasetWriter } from './dataset-writer.ts'
import type { DatasetFacts, DatasetManifest } from './manifest.ts'
import { RowSpool } from './row-spool.ts'

export type DatasetProgress =
  | ({ readonly stage: 'replay' } & ReplayProgress)
  | { readonly stage: 'write'; readonly rows: number; readonly rowsTotal: number }

export interface BuildOptions {
  readonly model: string
  readonly directory: string
  readonly overwrite?: boolean
  /** Default: all rows that the plan's sampling takes. */
  readonly rowsMax?: number
  readonly progress?: (progress: DatasetProgress) => void
  readonly signal?: AbortSignal
}

/**
 * Builds a dataset of any size on the disk by a replay of the journal. Rows go to a temporary file
 * beside the dataset, as large as they are, until the replay has seen all outcomes; then they are
 * labelled in the same order and written. They are those that `buildDataset` has in memory for the
 * same `rowsMax`, with the same features and labels.
 *
 * Memory: profiles of one shard, 28 to 32 bytes an outcome, one row group (about 60 MiB).
 * @throws LimnError ERR_DATASET_EMPTY, ERR_DATASET_EXISTS, ERR_DATASET_COLUMN, ERR_DATASET_SAVE; the
 * signal's reason
 */
export async function buildDatasetFiles(
  source: ReplaySource,
  plan: ModelPlan,
  options: BuildOptions,
): Promise<DatasetManifest> {
  checkFeatureNames(source.features)
  await checkDirectory(options)
  const parent = dirname(resolve(options.directory))
  await mkdir(parent, { recursive: true }).catch((error: unknown) => {
    throw saveError(parent, error)
  })
  const { rowsMax } = options
  const spool = new RowSpool({ directory: parent, width: source.features.length, rowsMax })
  try {
    const replayed = await replayJournal(source, plan, spool, (progress) => {
      options.signal?.throwIfAborted()
      options.progress?.({ stage: 'replay', ...progress })
    })
    return await writeSpool(spool, new Labels(plan, replayed, spool), { source, plan, options })
  } finally {
    spool.close()
  }
}

function writeSpool(
  spool: RowSpool,
  labels: Labels,
  parts: {
    readonly source: ReplaySource
    readonly plan: ModelPlan
    readonly options: BuildOptions
  },
): Promise<DatasetManifest> {
  const { source, plan, options } = parts
  const { directory, overwrite, model } = options
  const { target, sampling, exclude, task } = plan
  return writeDataset(
    {
      directory,
      overwrite,
      model,
      features: source.features,
      schemaHash: source.schemaHash,
      target: targetInWords(target),
      plan: { target, sampling, exclude, rowsMax: options.rowsMax ?? null },
      label: { task, classes: labels.classes },
      textOf: (_, code) => labels.replayed.categories.textOf(code) ?? `#${code}`,
    },
    async (writer) => {
      let rows = 0
      for (const block of spool.blocks()) {
        options.signal?.throwIfAborted()
        for (let i = 0; i < block.count; i++) {
          labels.write(writer, block.moment(i), block.features(i))
        }
        rows += block.count
        options.progress?.({ stage: 'write', rows, rowsTotal: spool.count })
        await setImmediate()
      }
      options.signal?.throwIfAborted()
      if (writer.rows === 0) throw emptyDataset(labels, plan)
      return labels.facts()
    },
  )
}

/** Labels moments one by one, and counts those that have none. */
class Labels {
  readonly classes: readonly string[]
  readonly replayed: Replayed
  private readonly plan: ModelPlan
  private readonly classOf: (label: number) => number
  private censored = 0
  private unlabelled = 0

  /** Where classes come from the data, the rows are read once for them. */
  constructor(plan: ModelPlan, replayed: Replayed, spool: RowSpool) {
    const { label, classesMax } = plan.target
    this.plan = plan
    this.replayed = replayed
    if (label !== 'next') {
      this.classes = plainClasses(label)
      this.classOf = (value) => value
      return
    }
    const { classes, indexOf } = frequentClasses(this.countTexts(spool), classesMax)
    this.classes = classes
    this.classOf = (value) => indexOf(replayed.values.textOf(value))
  }

  write(writer: DatasetWriter, moment: Moment, features: Float32Array): void {
    if (this.isCensored(moment)) {
      this.censored++
      return
    }
    const label = this.replayed.outcomes.label(moment, this.plan.target)
    if (label !== label) {
      this.unlabelled++
      return
    }
    const { time, shard, sequence } = moment
    writer.add({ time, shard, sequence, label: this.classOf(label) }, features)
  }

  facts(): DatasetFacts {
    const { censored, unlabelled } = this
    const { positions, records, from, to, excluded, late } = this.replayed
    const span = to >= from ? { from, to } : { from: null, to: null }
    return { positions, ...span, records, censored, unlabelled, excluded, late }
  }

  private countTexts(spool: RowSpool): Map<string | null, number> {
    const { outcomes, values } = this.replayed
    const counts = new Map<string | null, number>()
    for (const block of spool.blocks()) {
      for (let i = 0; i < block.count; i++) {
        const moment = block.moment(i)
        const label = this.isCensored(moment)
          ? Number.NaN
          : outcomes.label(moment, this.plan.target)
        if (label !== label) continue
        const text = values.textOf(label)
        counts.set(text, (counts.get(text) ?? 0) + 1)
      }
    }
    return counts
  }

  private isCensored({ time }: Moment): boolean {
    return time + this.plan.target.within > this.replayed.to
  }
}

function emptyDataset(labels: Labels, { target, sampling }: ModelPlan): LimnError {
  const { records, from, to, censored, unlabelled, excluded } = labels.facts()
  const hours = from === null || to === null ? 0 : (to - from) / 3_600_000
  const found = `the journal has ${records} records over ${hours.toFixed(1)} h`
  const left = `${censored} too close to the end, ${unlabelled} without a label, ${excluded} excluded`
  return new LimnError(
    'ERR_DATASET_EMPTY',
    `${found}; sampling by ${sampling.at} leaves no row for ${durationText(target.within)} ahead (${left})`,
  )
}

function saveError(path: string, error: unknown): LimnError {
  const reason = error instanceof Error ? error.message : String(error)
  const message = `the directory ${path} cannot be made: ${reason}`
  return new LimnError('ERR_DATASET_SAVE', message, { cause: error, retryable: true })
}
