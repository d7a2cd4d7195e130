import type { Feature } from '../../profile/feature-vector.ts'
import { LimnError } from '../../protocol/errors.ts'
import { tableColumns } from './category-columns.ts'
import { labelMoments, type LabelledMoments } from './labels.ts'
import type { Moment } from './outcomes.ts'
import { replayJournal, type Replayed, type ReplayProgress } from './replay.ts'
import { SampledRows } from './sampled-rows.ts'
import { durationText, targetInWords, type ModelPlan } from '../definition.ts'
import type { ReplaySource } from './replay-source.ts'
import type { DataTable } from '../table/read-table.ts'
import type { TableColumn } from '../table/schema.ts'

/** Labelled feature vectors in order of time. */
export interface Dataset {
  /** A column for each feature; `unlabelled` is as below. */
  readonly table: DataTable
  readonly features: readonly Feature[]
  readonly schemaHash: string
  /** Per row: arrival of the event after which the features were read, or the midnight, ms. */
  readonly times: Float64Array
  /** Per row: position of that event, or of the profile's last one before the midnight. */
  readonly shards: Uint16Array
  readonly sequences: Float64Array
  /** Per row: a number for the profile, or the one that it was joined to. */
  readonly persons: Float64Array
  /** Per shard, the sequence after the last record read. */
  readonly positions: readonly { readonly shard: number; readonly next: number }[]
  readonly records: number
  /** First and last arrival of an event in the data. */
  readonly from: number
  readonly to: number
  /** Rows left out because their time to come ends after the data. */
  readonly censored: number
  /** Rows left out because no next value came. */
  readonly unlabelled: number
  /** Rows that `exclude.when` kept out. */
  readonly excluded: number
  /** Events after which no row was taken because the profile had seen one that arrived later. */
  readonly late: number
}

/**
 * Builds a dataset in memory by a replay of the journal (see {@link replayJournal}): features as
 * serving read them, labels from what arrived later.
 *
 * Memory: `rowsMax × features` floats twice, 32 bytes an outcome, and the profiles of one shard.
 * @throws LimnError ERR_DATASET_EMPTY
 */
export async function buildDataset(
  source: ReplaySource,
  plan: ModelPlan,
  progress: (progress: ReplayProgress) => void,
): Promise<Dataset> {
  const sampled = new SampledRows(source.features.length, plan.sampling.rowsMax)
  const replayed = await replayJournal(source, plan, sampled, progress)
  const moments = Array.from({ length: sampled.count }, (_, i) => sampled.moment(i))
  const places = [...moments.keys()].sort((a, b) => compareMoments(moments[a], moments[b]))
  const labelled = labelMoments(
    places.map((place) => moments[place]),
    plan,
    replayed,
  )
  const order = labelled.kept.map((index) => places[index])
  if (order.length === 0) throw emptyDataset(replayed, plan, labelled)
  const rows = takeRows(sampled, order)
  const columns = tableColumns(source.features, rows, replayed.categories)
  const { records, positions, from, to, excluded, late } = replayed
  return {
    table: makeTable(columns, rows, { plan, labelled }),
    features: source.features,
    schemaHash: source.schemaHash,
    times: Float64Array.from(order, (i) => moments[i].time),
    shards: Uint16Array.from(order, (i) => moments[i].shard),
    sequences: Float64Array.from(order, (i) => moments[i].sequence),
    persons: Float64Array.from(order, (i) => replayed.outcomes.rootOf(moments[i].person)),
    positions,
    records,
    from,
    to,
    censored: labelled.censored,
    unlabelled: labelled.unlabelled,
    excluded,
    late,
  }
}

function compareMoments(a: Moment, b: Moment): number {
  return a.time - b.time || a.shard - b.shard || a.sequence - b.sequence || a.person - b.person
}

function takeRows({ rows, width }: SampledRows, order: readonly number[]) {
  const taken = new Float32Array(order.length * width)
  order.forEach((place, i) => {
    taken.set(rows.subarray(place * width, (place + 1) * width), i * width)
  })
  return taken
}

function makeTable(
  columns: readonly TableColumn[],
  rows: Float32Array,
  { plan, labelled }: { readonly plan: ModelPlan; readonly labelled: LabelledMoments },
): DataTable {
  const { task, target } = plan
  const { labels, classes, unlabelled } = labelled
  const label = { name: targetInWords(target), task, classes, truth: false }
  return {
    schema: { columns, ignored: [], label },
    columns,
    task,
    count: labels.length,
    width: columns.length,
    rows,
    labels,
    classes: classes.length,
    unlabelled,
    unknownLabels: 0,
    misfits: {},
    extra: [],
  }
}

function emptyDataset(
  { records, from, to, excluded }: Replayed,
  { target, sampling }: ModelPlan,
  { censored, unlabelled }: LabelledMoments,
): LimnError {
  const span = to >= from ? `${((to - from) / 3_600_000).toFixed(1)} h` : 'nothing'
  const found = `the journal has ${records} records over ${span}`
  const left = `${censored} too close to the end, ${unlabelled} without a label, ${excluded} excluded`
  return new LimnError(
    'ERR_DATASET_EMPTY',
    `${found}; sampling by ${sampling.at} leaves no row for ${durationText(target.within)} ahead (${left})`,
  )
}
