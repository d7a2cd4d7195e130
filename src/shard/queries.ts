import { MESSAGE_TYPES, RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { Fold } from '../profile/fold.ts'
import type { CompiledDefinition } from '../profile/compile.ts'
import { profileText, writeProfile } from '../profile/read.ts'
import { ProfileStore } from '../profile/store.ts'
import type { QueryReply } from '../protocol/shards.ts'
import { formatKey, ownerOf, parseKey } from '../event/profile-key.ts'
import { sequenceIn } from '../protocol/position.ts'
import type { Lookups } from './lookups.ts'
import { REDIRECT } from '../protocol/shard-messages.ts'
import type { LOOKUPS, ShardQuery } from '../protocol/shard-messages.ts'
import type { Predictor } from './predictor.ts'
import { unknownModel } from './predictor.ts'
import { foldHistory, reachesBack } from '../replay/replayer.ts'
import type { HistoryReader, HistoryRecord } from '../replay/replayer.ts'

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
  readonly segmentCounts: () => readonly number[]
  readonly now: () => number
  /** The last sequence applied in this shard. */
  readonly lastSequence: () => number
}

/** Answers look-ups from the profiles of one shard. Reads never change a profile. */
export class Queries {
  private readonly parts: QueryParts
  private scratch: { profiles: ProfileStore; fold: Fold } | null = null

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
        return reply(this.profileAt(query))
      case 'events':
        return reply(this.events(query))
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
  private profileAt(query: QueryOf<'profile'>): QueryReply {
    const row = this.locate(query.id, query.minPosition)
    if (typeof row !== 'number') return row
    const { at } = query
    const { compiled, profiles, history } = this.parts
    const profilesThen = this.scratch?.profiles ?? new ProfileStore(compiled)
    this.scratch ??= { profiles: profilesThen, fold: new Fold(compiled, profilesThen) }
    const { kind, key } = profiles.keyOf(row)
    const then = profilesThen.ensureKey(kind, key)
    profilesThen.reset(then)
    const records = [...history(profiles.lastSequence(row))]
    const whole = reachesBack(records)
    const folded = foldHistory(this.scratch.fold, then, records, at)
    this.scratch.fold.advance(then, at)
    this.scratch = profilesThen.size > 1000 ? null : this.scratch
    if (folded === 0) return whole ? notFound(query.id) : dropped()
    const body = profileText(profilesThen, then, at, this.position(row), query.scope)
    return { status: 200, body: whole ? body : withHistoryFrom(body, records) }
  }

  private events(query: QueryOf<'events'>): QueryReply {
    const row = this.locate(query.id, '')
    if (typeof row !== 'number') return row
    const { shard, profiles, history } = this.parts
    let from = profiles.lastSequence(row)
    if (query.before !== '') {
      const before = sequenceIn(query.before, shard)
      if (before === null || before < 0) return badPosition(query.before)
      from = -1
      for (const record of history(profiles.lastSequence(row))) {
        if (record.sequence >= before) continue
        from = record.sequence
        break
      }
    }
    const cursor = new RecordCursor()
    const events: string[] = []
    let next: string | null = null
    for (const record of from < 0 ? [] : history(from)) {
      cursor.over(record.bytes).at(0)
      if (cursor.kind !== RECORD_KIND.event) continue
      if (events.length === query.limit) {
        next = `${shard}:${record.sequence + 1}`
        break
      }
      events.push(eventText(cursor, `${shard}:${record.sequence}`))
    }
    const body = `{"events":[${events.join(',')}],"cursor":{"next":${JSON.stringify(next)}}}`
    return { status: 200, body }
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
function withHistoryFrom(body: string, newestFirst: readonly HistoryRecord[]): string {
  const oldest = newestFirst.at(-1)
  if (oldest === undefined) return body
  const { arrivalTime } = new RecordCursor().over(oldest.bytes).at(0)
  return `{"historyFrom":"${new Date(arrivalTime).toISOString()}",${body.slice(1)}`
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
