import { MESSAGE_TYPES, RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { Fold } from '../profile/fold.ts'
import type { CompiledDefinition } from '../profile/compile.ts'
import { profileText, writeProfile } from '../profile/read.ts'
import { ProfileStore } from '../profile/store.ts'
import { toErrorValue } from '../protocol/errors.ts'
import type { QueryReply } from '../protocol/shards.ts'
import { formatKey, ownerOf, parseKey } from '../event/profile-key.ts'
import { sequenceIn } from '../protocol/position.ts'
import type { Lookups } from './lookups.ts'
import { REDIRECT } from '../protocol/shard-messages.ts'
import type { LOOKUPS, ShardQuery } from '../protocol/shard-messages.ts'
import type { Predictor } from './predictor.ts'
import { unknownModel } from './predictor.ts'
import { identityOf } from './identity-query.ts'
import { ownRecords } from '../replay/history.ts'
import type { HistoryReader } from '../replay/history.ts'
import { collectOwn, foldCollected } from '../replay/refold.ts'
import type { Background } from './background.ts'

type Answer = (reply: QueryReply) => void
type QueryOf<K extends ShardQuery['kind']> = Extract<ShardQuery, { kind: K }>

/** A look-up as a shard gets it; '' stands for any position and for all models. */
export interface Lookup {
  readonly number: number
  readonly what: (typeof LOOKUPS)[number]
  readonly id: string
  readonly minPosition: string
  readonly model: string
}

export interface QueryParts {
  readonly shard: number
  readonly shardCount: number
  readonly compiled: CompiledDefinition
  readonly profiles: ProfileStore
  readonly predictor: Predictor
  readonly history: HistoryReader
  /** Where history is walked through, in slices. */
  readonly background: Background
  readonly segmentCounts: () => readonly number[]
  readonly now: () => number
  /** The last sequence applied in this shard. */
  readonly lastSequence: () => number
}

/** Profiles that one scratch store is used for. */
const SCRATCH_ROWS_MAX = 1_000

/** Where a profile of the past is folded. To make one costs as much as some hundred records. */
class Scratch {
  readonly profiles: ProfileStore
  readonly fold: Fold

  constructor(compiled: CompiledDefinition) {
    this.profiles = new ProfileStore(compiled)
    this.fold = new Fold(compiled, this.profiles)
  }
}

/** Answers look-ups from the profiles of one shard. Reads never change a profile. */
export class Queries {
  private readonly parts: QueryParts
  /** Not in use. */
  private readonly scratches: Scratch[] = []

  constructor(parts: QueryParts) {
    this.parts = parts
  }

  /** Appends the answer to `to`, a prediction's when it has been scored. */
  lookUp(lookup: Lookup, to: Lookups): void {
    const row = this.locate(lookup.id, lookup.minPosition)
    if (typeof row !== 'number') return refuse(lookup, row, to)
    if (lookup.what === 'predictions') return this.predictions(lookup, row, to)
    const position = this.position(row)
    const { profiles, now } = this.parts
    writeProfile(profiles, { row, now: now(), position, scope: lookup.what }, to.body)
    to.answered(lookup.number, 200)
  }

  answer(query: ShardQuery, reply: Answer): void {
    switch (query.kind) {
      case 'profile':
        return this.parts.background.add(answering(this.profileAt(query), reply))
      case 'events':
        return this.parts.background.add(answering(this.events(query), reply))
      case 'identity':
        return this.parts.background.add(answering(this.identity(query), reply))
      case 'predictionBatch':
        return this.predictionBatch(query, reply)
      case 'segments':
      case 'segment':
        return reply(json(200, { counts: this.parts.segmentCounts() }))
      case 'members':
        return reply(this.members(query))
      case 'models':
        return reply(json(200, { models: this.parts.predictor.versions() }))
    }
  }

  /** Time travel: the shopper's own records up to then, folded again beside the live profile. */
  private *profileAt(query: QueryOf<'profile'>): Generator<void, QueryReply> {
    const row = this.locate(query.id, query.minPosition)
    if (typeof row !== 'number') return row
    const { at } = query
    const { compiled, profiles, history } = this.parts
    const position = this.position(row)
    const { kind, key } = profiles.keyOf(row)
    const { order, whole, oldest } = yield* collectOwn(history, profiles.lastSequence(row), at)
    const scratch = this.scratches.pop() ?? new Scratch(compiled)
    const { profiles: then, fold } = scratch
    const past = then.ensureKey(kind, key)
    then.reset(past)
    const folded = yield* foldCollected(history, order, { fold, row: past })
    fold.advance(past, at)
    fold.effects.clear()
    const body = profileText(then, past, at, position, query.scope)
    if (then.size < SCRATCH_ROWS_MAX) this.scratches.push(scratch)
    if (folded === 0) return whole ? notFound(query.id) : dropped()
    return { status: 200, body: whole ? body : withHistoryFrom(body, oldest) }
  }

  private *events(query: QueryOf<'events'>): Generator<void, QueryReply> {
    const row = this.locate(query.id, '')
    if (typeof row !== 'number') return row
    const { shard, profiles, history } = this.parts
    const before = query.before === '' ? Infinity : sequenceIn(query.before, shard)
    if (before === null || before < 0) return badPosition(query.before)
    const cursor = new RecordCursor()
    const events: string[] = []
    let next: string | null = null
    for (const record of ownRecords(history.walk(profiles.lastSequence(row)))) {
      if (record !== null && record.sequence < before) {
        const isEvent = cursor.over(record.bytes).at(record.offset).kind === RECORD_KIND.event
        if (isEvent && events.length === query.limit) {
          next = `${shard}:${record.sequence + 1}`
          break
        }
        if (isEvent) events.push(eventText(cursor, `${shard}:${record.sequence}`))
      }
      yield
    }
    const body = `{"events":[${events.join(',')}],"cursor":{"next":${JSON.stringify(next)}}}`
    return { status: 200, body }
  }

  /** Of the id itself: one that was joined to another is no redirect here. */
  private *identity(query: QueryOf<'identity'>): Generator<void, QueryReply> {
    const { shard, profiles } = this.parts
    const key = parseKey(query.id)
    const row = profiles.findKey(key.kind, key.key)
    if (row < 0) return notFound(query.id)
    const before = query.before === '' ? Infinity : sequenceIn(query.before, shard)
    if (before === null || before < 0) return badPosition(query.before)
    return json(200, yield* identityOf(this.parts, row, { limit: query.limit, before }))
  }

  private predictions(lookup: Lookup, row: number, to: Lookups): void {
    const { predictor, now } = this.parts
    const { model, number } = lookup
    if (model !== '' && !predictor.has(model)) {
      return refuse(lookup, json(404, { error: unknownModel(model, predictor.names) }), to)
    }
    const names = model === '' ? predictor.names : [model]
    const done = (predictions: Record<string, unknown>): void => {
      to.body.text(JSON.stringify(model === '' ? { predictions } : predictions[model]))
      to.answered(number, 200)
    }
    predictor.enqueue(row, names, this.position(row), done, now())
  }

  private predictionBatch(query: QueryOf<'predictionBatch'>, reply: Answer): void {
    const { predictor, now } = this.parts
    if (!predictor.has(query.model)) {
      return reply(json(404, { error: unknownModel(query.model, predictor.names) }))
    }
    // Without a prototype: an id may be "__proto__".
    const results = Object.create(null) as Record<string, unknown>
    let waiting = 1
    const finish = (): void => {
      waiting--
      if (waiting === 0) reply(json(200, { results }))
    }
    for (const id of query.ids) {
      const row = this.locate(id, '')
      if (typeof row !== 'number') {
        results[id] = row.status === REDIRECT ? JSON.parse(row.body) : null
        continue
      }
      waiting++
      const done = (predictions: Record<string, unknown>): void => {
        results[id] = predictions[query.model]
        finish()
      }
      predictor.enqueue(row, [query.model], this.position(row), done, now())
    }
    finish()
  }

  private members(query: QueryOf<'members'>): QueryReply {
    const { compiled, profiles } = this.parts
    const segment = compiled.segmentNames.indexOf(query.name)
    const members: string[] = []
    const start = query.cursor === '' ? 0 : Number(query.cursor)
    let row = start
    for (; row < profiles.size && members.length < query.limit; row++) {
      if (profiles.inSegment(row, segment)) members.push(formatKey(profiles.keyOf(row)))
    }
    return json(200, { members, next: row < profiles.size ? String(row) : null })
  }

  /** The row that an id names, or the answer why not. */
  private locate(id: string, minPosition: string): number | QueryReply {
    const { shard, shardCount, profiles } = this.parts
    const wanted = sequenceIn(minPosition, shard)
    if (wanted === null) return badPosition(minPosition)
    if (wanted > this.parts.lastSequence()) return aheadOf(minPosition)
    const key = parseKey(id)
    const row = profiles.findKey(key.kind, key.key)
    if (row < 0) return notFound(id)
    const forward = profiles.forwardOf(row)
    if (forward === null) return row
    if (ownerOf(forward, shardCount) === shard) return this.locate(formatKey(forward), minPosition)
    return { status: REDIRECT, body: JSON.stringify({ redirect: formatKey(forward) }) }
  }

  private position(row: number): string {
    return `${this.parts.shard}:${this.parts.profiles.lastSequence(row)}`
  }
}

function eventText(cursor: RecordCursor, position: string): string {
  const received = new Date(cursor.arrivalTime).toISOString()
  const time = new Date(cursor.eventTime).toISOString()
  const type = MESSAGE_TYPES[cursor.type]
  return `{"position":"${position}","type":"${type}","time":"${time}","receivedAt":"${received}","message":${cursor.message}}`
}

function refuse({ number }: Lookup, { status, body }: QueryReply, to: Lookups): void {
  to.body.text(body)
  to.answered(number, status)
}

function json(status: number, value: unknown): QueryReply {
  return { status, body: JSON.stringify(value) }
}

function notFound(id: string): QueryReply {
  const kind = id.startsWith('anonymous:') ? 'anonymous shopper' : 'user'
  const message = `no profile of that ${kind}; ids are "user:…" or "anonymous:…", no prefix means user`
  return json(404, { error: { code: 'ERR_PROFILE_UNKNOWN', message } })
}

function dropped(): QueryReply {
  const message =
    'the journal no longer reaches back to then for this shopper (journal.retentionDays)'
  return json(410, { error: { code: 'ERR_HISTORY_DROPPED', message } })
}

/** Tells that the profile was folded from what the journal has left, and since when that is. */
function withHistoryFrom(body: string, oldest: number): string {
  return `{"historyFrom":"${new Date(oldest).toISOString()}",${body.slice(1)}`
}

/** Work in slices, then its answer. What meets a damaged block fails by itself: it changes nothing. */
function* answering(work: Generator<void, QueryReply>, reply: Answer): Generator<void> {
  try {
    reply(yield* work)
  } catch (error) {
    const value = toErrorValue(error)
    if (value.code !== 'ERR_STORAGE_CORRUPT') throw error
    reply(json(500, { error: value }))
  }
}

function aheadOf(position: string): QueryReply {
  const message = `position ${JSON.stringify(position.slice(0, 60))} has not been written yet`
  return json(409, { error: { code: 'ERR_POSITION_AHEAD', message, retryable: true } })
}

function badPosition(position: string): QueryReply {
  const found = JSON.stringify(position.slice(0, 60))
  const message = `a position is "shard:sequence", several joined by commas; found ${found}`
  return json(400, { error: { code: 'ERR_POSITION_INVALID', message } })
}
