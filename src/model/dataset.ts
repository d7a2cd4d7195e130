import { setImmediate } from 'node:timers/promises'
import { RECORD_FLAG, RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { LimnError } from '../protocol/errors.ts'
import type { ModelPlan } from './definition.ts'
import { Outcomes, personOf } from './outcomes.ts'
import type { ReplayedShard, ReplaySource } from './replay-source.ts'
import { Samples } from './samples.ts'
import type { Table } from './table.ts'

/** Labelled feature vectors in order of time. */
export interface Dataset extends Table {
  readonly featureNames: readonly string[]
  readonly schemaHash: string
  /** Per row: arrival of the event after which the features were read, ms. */
  readonly times: Float64Array
  readonly shards: Uint16Array
  readonly sequences: Float64Array
  /** Per shard, the sequence after the last record read. */
  readonly positions: readonly { readonly shard: number; readonly next: number }[]
  readonly records: number
  /** First and last arrival of an event in the data. */
  readonly from: number
  readonly to: number
  /** Rows left out because their time to come ends after the data. */
  readonly censored: number
}

export interface ReplayProgress {
  readonly records: number
  readonly recordsTotal: number
  readonly rows: number
}

const SKIPPED_FLAGS = RECORD_FLAG.bot | RECORD_FLAG.imported

/**
 * Replays every shard's journal through the serving fold. At sampled events the feature vector is
 * read right after the event was folded, as of its arrival: exactly what serving read. The label is
 * whether the target event of the same shopper arrived later, at most `withinMs` later; rows whose
 * time to come is not over at the end of the data are left out. Bots' events are neither rows nor
 * outcomes, nor are records that a join copied.
 *
 * Memory: `rowsMax × width` floats twice, 32 bytes an outcome, and the profiles of one shard.
 * @throws LimnError ERR_DATASET_EMPTY
 */
export async function buildDataset(
  source: ReplaySource,
  plan: ModelPlan,
  progress: (progress: ReplayProgress) => void,
): Promise<Dataset> {
  const replay = new Replay(source, plan, progress)
  for (let shard = 0; shard < source.shardCount; shard++) await replay.run(shard)
  return replay.finish()
}

class Replay {
  private readonly source: ReplaySource
  private readonly plan: ModelPlan
  private readonly progress: (progress: ReplayProgress) => void
  private readonly samples: Samples
  private readonly outcomes = new Outcomes()
  private readonly isTarget: (cursor: RecordCursor) => boolean
  private readonly positions: { shard: number; next: number }[] = []
  private readonly cursor = new RecordCursor()
  private records = 0
  private from = Number.POSITIVE_INFINITY
  private to = Number.NEGATIVE_INFINITY

  constructor(source: ReplaySource, plan: ModelPlan, progress: (progress: ReplayProgress) => void) {
    this.source = source
    this.plan = plan
    this.progress = progress
    this.samples = new Samples(source.featureNames.length, plan)
    this.isTarget = source.eventMatcher(plan.event)
  }

  async run(shard: number): Promise<void> {
    const replayed = this.source.open(shard)
    const before = this.records
    let next = 0
    this.samples.nextShard()
    try {
      for (const block of replayed.blocks()) {
        this.cursor.over(block.bytes)
        for (let i = 0; i < block.count; i++) {
          this.visit(replayed, this.cursor.at(block.offsets[i]), block.firstSequence + i)
        }
        next = block.firstSequence + block.count
        const crossed = this.records >>> 16 !== (this.records + block.count) >>> 16
        this.records += block.count
        if (!crossed) continue
        const recordsTotal = before + replayed.records
        this.progress({ records: this.records, recordsTotal, rows: this.samples.count })
        await setImmediate()
      }
    } finally {
      replayed.close()
    }
    this.positions.push({ shard, next })
    this.progress({ records: this.records, recordsTotal: this.records, rows: this.samples.count })
  }

  finish(): Dataset {
    const { samples, outcomes, plan } = this
    outcomes.seal()
    const kept: number[] = []
    for (let i = 0; i < samples.count; i++) {
      if (samples.moment(i).time + plan.withinMs <= this.to) kept.push(i)
    }
    if (kept.length === 0) throw emptyDataset(this.records, this.from, this.to, plan)
    const moments = kept.map((i) => samples.moment(i))
    const order = kept.map((_, i) => i)
    order.sort((a, b) => {
      const [x, y] = [moments[a], moments[b]]
      return x.time - y.time || x.shard - y.shard || x.sequence - y.sequence
    })
    const { width } = samples
    const count = order.length
    const rows = new Float32Array(count * width)
    order.forEach((index, i) => {
      const at = kept[index] * width
      rows.set(samples.rows.subarray(at, at + width), i * width)
    })
    return {
      width,
      count,
      rows,
      labels: Uint8Array.from(order, (i) => Number(outcomes.follows(moments[i], plan.withinMs))),
      featureNames: this.source.featureNames,
      schemaHash: this.source.schemaHash,
      times: Float64Array.from(order, (i) => moments[i].time),
      shards: Uint16Array.from(order, (i) => moments[i].shard),
      sequences: Float64Array.from(order, (i) => moments[i].sequence),
      positions: this.positions,
      records: this.records,
      from: this.from,
      to: this.to,
      censored: samples.count - count,
    }
  }

  private visit(replayed: ReplayedShard, cursor: RecordCursor, sequence: number): void {
    const { kind, flags, arrivalTime: time } = cursor
    const person = personOf(cursor.keyHashLow, cursor.keyHashHigh)
    if (kind === RECORD_KIND.forward) {
      const target = this.source.keyHash(cursor.name)
      this.outcomes.join(person, personOf(target.low, target.high))
    }
    const row = replayed.apply(cursor, sequence)
    if (kind !== RECORD_KIND.event || (flags & SKIPPED_FLAGS) !== 0 || row < 0) return
    if (time < this.from) this.from = time
    if (time > this.to) this.to = time
    const moment = { person, time, shard: replayed.shard, sequence }
    if (this.isTarget(cursor)) this.outcomes.add(moment)
    if (!this.samples.wants(cursor, row, sequence)) return
    this.samples.add(moment, this.samples.hash(cursor, sequence), (out, offset) =>
      replayed.writeFeatures(row, time, out, offset),
    )
  }
}

function emptyDataset(records: number, from: number, to: number, plan: ModelPlan): LimnError {
  const hours = (ms: number): string => `${(Math.max(0, ms) / 3_600_000).toFixed(1)} h`
  const span = records === 0 ? 'nothing' : hours(to - from)
  return new LimnError(
    'ERR_DATASET_EMPTY',
    `the journal has ${records} records over ${span}: too few for a target ${hours(plan.withinMs)} ahead`,
  )
}
