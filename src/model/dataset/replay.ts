import { setImmediate } from 'node:timers/promises'
import { RECORD_FLAG, RECORD_KIND } from '../../event/record.ts'
import { RecordCursor } from '../../event/record-cursor.ts'
import type { ModelPlan } from '../definition.ts'
import type { ReplayedShard, ReplaySource } from './replay-source.ts'
import { Days, type DayPoint } from './days.ts'
import { eventSelector } from './event-selector.ts'
import { Outcomes, personOf, type Moment } from './outcomes.ts'
import { keepHashOfDay, keepHashOfEvent, Sampling } from './sampling.ts'
import { CategoryTexts, TextNumbers } from './texts.ts'

export interface ReplayProgress {
  readonly records: number
  readonly recordsTotal: number
  readonly rows: number
}

/** Takes rows as the replay comes to them, shard by shard and within one in order of arrival. */
export interface RowSink {
  /** Rows so far. */
  readonly count: number
  /** Whether a row with this hash (32 bits, evenly spread) would be taken; asked first. */
  wants(hash: number): boolean
  /** Takes a row; `write` fills in its features from the offset on, and is to be called at once. */
  add(moment: Moment, hash: number, write: (out: Float32Array, offset: number) => void): void
}

/** What a replay found besides rows; outcomes can be asked for labels. */
export interface Replayed {
  readonly outcomes: Outcomes
  /** Texts of the categories in the rows' features. */
  readonly categories: CategoryTexts
  /** `next`: texts of the outcomes' values. */
  readonly values: TextNumbers
  /** Per shard, the sequence after the last record read. */
  readonly positions: readonly { readonly shard: number; readonly next: number }[]
  readonly records: number
  /** First and last arrival of an event; Infinity and −Infinity where there is none. */
  readonly from: number
  readonly to: number
  /** Rows that `exclude.when` kept out. */
  readonly excluded: number
  /** Events after which no row was taken because the profile had seen one that arrived later. */
  readonly late: number
}

/**
 * Replays every shard's journal through the serving fold and gives rows to a sink. After an event the
 * feature vector is as of the profile's clock, exactly what a prediction asked for with the event was
 * made from; at a midnight it is as of the midnight. Neither knows anything that arrived later: an
 * event that is older than what its profile has seen is folded, and no row.
 *
 * Events of bots are never outcomes, and rows only where events are sampled and `exclude.bots` is
 * false (they open no session and make no profile active); records that a join copied are neither.
 */
export async function replayJournal(
  source: ReplaySource,
  plan: ModelPlan,
  sink: RowSink,
  progress: (progress: ReplayProgress) => void,
): Promise<Replayed> {
  const replay = new Replay(source, plan, sink)
  for (let shard = 0; shard < source.shardCount; shard++) await replay.run(shard, progress)
  return replay.finish()
}

class Replay {
  private readonly source: ReplaySource
  private readonly plan: ModelPlan
  private readonly sink: RowSink
  private readonly sampling: Sampling
  private readonly outcomes: Outcomes
  private readonly categories: CategoryTexts
  private readonly values = new TextNumbers()
  private readonly isTarget: (cursor: RecordCursor) => boolean
  private readonly positions: { shard: number; next: number }[] = []
  private readonly cursor = new RecordCursor()
  private days: Days | null = null
  private records = 0
  private excluded = 0
  private late = 0
  private from = Number.POSITIVE_INFINITY
  private to = Number.NEGATIVE_INFINITY

  constructor(source: ReplaySource, plan: ModelPlan, sink: RowSink) {
    const { label, event } = plan.target
    this.source = source
    this.plan = plan
    this.sink = sink
    this.sampling = new Sampling(plan)
    this.outcomes = new Outcomes(label === 'sum' || label === 'next')
    this.categories = new CategoryTexts(source.features)
    this.isTarget = eventSelector(event)
  }

  async run(shard: number, progress: (progress: ReplayProgress) => void): Promise<void> {
    const { target, exclude, sampling } = this.plan
    const expressions = { where: target.where, value: target.value, exclude: exclude.when }
    const replayed = this.source.open(shard, expressions)
    const before = this.records
    let next = 0
    this.sampling.nextShard()
    this.days = sampling.at === 'day' ? new Days(sampling.activeWithin) : null
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
        progress({ records: this.records, recordsTotal, rows: this.sink.count })
        await setImmediate()
      }
      this.categories.take(replayed.texts())
    } finally {
      replayed.close()
    }
    this.positions.push({ shard, next })
    progress({ records: this.records, recordsTotal: this.records, rows: this.sink.count })
  }

  finish(): Replayed {
    const { outcomes, categories, values, positions, records, from, to, excluded, late } = this
    outcomes.seal()
    return { outcomes, categories, values, positions, records, from, to, excluded, late }
  }

  private visit(replayed: ReplayedShard, cursor: RecordCursor, sequence: number): void {
    const { kind, flags } = cursor
    const time = Math.floor(cursor.arrivalTime)
    const isEvent = kind === RECORD_KIND.event && (flags & RECORD_FLAG.imported) === 0
    const isBot = (flags & RECORD_FLAG.bot) !== 0
    if (isEvent && !isBot) this.days?.passTo(time, (point) => this.visitDay(replayed, point))
    const row = replayed.apply(cursor, sequence)
    const person = personOf(cursor.keyHashLow, cursor.keyHashHigh)
    if (kind === RECORD_KIND.forward) {
      const target = this.source.keyHash(cursor.name)
      this.outcomes.join(person, personOf(target.low, target.high))
      this.days?.forget(row)
    }
    if (!isEvent || row < 0) return
    const moment = { person, time, shard: replayed.shard, sequence }
    if (!isBot) {
      if (time < this.from) this.from = time
      if (time > this.to) this.to = time
      this.days?.saw(row, moment)
      if (this.isTarget(cursor)) this.addOutcome(replayed, cursor, moment)
    }
    // What came late is folded later, when the profile is folded again.
    if ((flags & RECORD_FLAG.late) !== 0 || !this.sampling.isNewest(row, time)) {
      this.late++
      return
    }
    const { exclude, sampling } = this.plan
    if (isBot && (exclude.bots || sampling.at !== 'event')) return
    this.visitEvent(replayed, cursor, { row, moment })
  }

  /** An outcome without a value adds nothing to a sum and is no next value. */
  private addOutcome(replayed: ReplayedShard, cursor: RecordCursor, moment: Moment): void {
    const { label, where } = this.plan.target
    if (where !== null && !replayed.matches(cursor)) return
    if (label !== 'sum' && label !== 'next') return this.outcomes.add(moment)
    const value = replayed.valueOf(cursor)
    if (label === 'sum') {
      const number = Number(value ?? 0)
      if (Number.isFinite(number) && number !== 0) this.outcomes.add(moment, number)
    } else if (typeof value === 'string' && value !== '') {
      this.outcomes.add(moment, this.values.numberOf(value))
    }
  }

  private visitEvent(
    replayed: ReplayedShard,
    cursor: RecordCursor,
    { row, moment }: { readonly row: number; readonly moment: Moment },
  ): void {
    const { sequence } = moment
    const events = this.plan.sampling.at === 'session' ? replayed.sessionEvents(row) : 0
    if (!this.sampling.takesEvent(cursor, row, sequence, events)) return
    const hash = keepHashOfEvent(cursor, sequence)
    if (!this.sink.wants(hash)) return
    if (this.plan.exclude.when !== null && replayed.excludesEvent(row, cursor)) {
      this.excluded++
      return
    }
    // A profile's clock is at least the event's time, so this is as of its clock.
    this.add(moment, hash, (out, offset) =>
      replayed.writeFeatures(row, cursor.eventTime, out, offset),
    )
  }

  private visitDay(replayed: ReplayedShard, point: DayPoint): void {
    const { row, person, midnight, sequence } = point
    if (!this.sampling.takesDay(person, row, midnight)) return
    const hash = keepHashOfDay(person, midnight)
    if (!this.sink.wants(hash)) return
    if (this.plan.exclude.when !== null && replayed.excludesAt(row, midnight)) {
      this.excluded++
      return
    }
    const moment = { person, time: midnight, shard: replayed.shard, sequence }
    this.add(moment, hash, (out, offset) => replayed.writeFeatures(row, midnight, out, offset))
  }

  private add(
    moment: Moment,
    hash: number,
    write: (out: Float32Array, offset: number) => void,
  ): void {
    this.sink.add(moment, hash, (out, offset) => {
      write(out, offset)
      this.categories.saw(out, offset)
    })
  }
}
