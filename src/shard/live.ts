import { eventNameOf } from '../event/vocabulary.ts'
import { MESSAGE_TYPES, RECORD_KIND } from '../event/record.ts'
import type { RecordCursor } from '../event/record-cursor.ts'
import type { Effect } from '../profile/fold.ts'
import type { ProfileStore } from '../profile/store.ts'
import { profileText } from '../profile/read.ts'
import { formatKey } from '../event/profile-key.ts'
import type { RecentShopper } from '../protocol/shard-messages.ts'
import type { Predictor } from './predictor.ts'

const RECENT_MAX = 24

interface EventNote {
  readonly type: string
  readonly event: string
  readonly time: number
  readonly messageId: string
}

interface Push {
  readonly topic: string
  /** JSON text that begins with the topic. */
  readonly body: string
}

/** What one turn has to tell. */
export interface LiveUpdate {
  readonly pushes: readonly Push[]
  readonly recent: ReadonlyMap<string, RecentShopper>
}

/**
 * What subscribers of this shard are told: a watched shopper's portrait after a turn that touched it,
 * where a watched shopper was joined to, entries to and exits from a watched segment, changes of a
 * watched machine. With nobody watching it costs one comparison a record.
 */
export class Live {
  private readonly profiles: ProfileStore
  private readonly predictor: Predictor
  private readonly shard: number
  private readonly now: () => number
  /** Canonical ids. */
  private readonly watched = new Set<string>()
  private readonly topics = new Set<string>()
  private touchedRows = new Map<number, EventNote | null>()
  private forwardedRows: number[] = []
  /** What the turn has to tell so far. */
  private pushes: Push[] = []
  private noted = new Map<string, RecentShopper>()
  private recent = new Map<string, RecentShopper>()
  private recentRow = -1

  constructor(parts: {
    profiles: ProfileStore
    predictor: Predictor
    shard: number
    now: () => number
  }) {
    this.profiles = parts.profiles
    this.predictor = parts.predictor
    this.shard = parts.shard
    this.now = parts.now
  }

  /** @param topic in its canonical spelling */
  watch(topic: string, on: boolean): void {
    if (topic.startsWith('profile:')) {
      const id = topic.slice(8)
      if (on) this.watched.add(id)
      else this.watched.delete(id)
    } else if (on) this.topics.add(topic)
    else this.topics.delete(topic)
  }

  /** Called for each record applied. */
  touched(row: number, cursor: RecordCursor): void {
    if (row !== this.recentRow && cursor.kind === RECORD_KIND.event) this.note(row, cursor)
    if (this.watched.size === 0) return
    if (!this.watched.has(formatKey(this.profiles.keyOf(row)))) return
    this.touchedRows.set(row, cursor.kind === RECORD_KIND.event ? noteOf(cursor) : null)
  }

  /** Called when a profile was joined to another. */
  forwarded(row: number): void {
    if (this.watched.size > 0) this.forwardedRows.push(row)
  }

  /**
   * Ends the turn: what it changed, as it is now, to be told once its records are durable. Null when
   * there is nothing to tell.
   */
  flush(effects: readonly Effect[]): LiveUpdate | null {
    for (const effect of effects) this.pushEffect(effect)
    for (const row of this.forwardedRows.splice(0)) this.pushForward(row)
    if (this.touchedRows.size > 0) {
      const rows = this.touchedRows
      this.touchedRows = new Map()
      for (const [row, event] of rows) this.pushProfile(row, event)
      this.predictor.scoreWaiting()
    }
    const { pushes, noted } = this
    if (pushes.length === 0 && noted.size === 0) return null
    this.pushes = []
    if (noted.size > 0) this.noted = new Map()
    return { pushes, recent: noted }
  }

  /** The shoppers of an update whose records are durable. */
  seen(shoppers: LiveUpdate['recent']): void {
    for (const [id, shopper] of shoppers) {
      if (this.recent.size < RECENT_MAX) this.recent.set(id, shopper)
    }
  }

  get wantsEffects(): boolean {
    return this.topics.size > 0 || this.watched.size > 0
  }

  /** Shoppers seen since the last call, the latest last. */
  takeRecent(): RecentShopper[] {
    const recent = [...this.recent.values()]
    this.recent = new Map()
    this.recentRow = -1
    return recent
  }

  private note(row: number, cursor: RecordCursor): void {
    if (this.recent.size + this.noted.size >= RECENT_MAX) return
    this.recentRow = row
    const id = formatKey(this.profiles.keyOf(row))
    this.noted.set(id, { id, event: eventText(cursor), time: cursor.eventTime })
  }

  private pushProfile(row: number, event: EventNote | null): void {
    const id = formatKey(this.profiles.keyOf(row))
    if (!this.watched.has(id)) return
    const topic = `profile:${id}`
    const now = this.now()
    const position = `${this.shard}:${this.profiles.lastSequence(row)}`
    const profile = profileText(this.profiles, row, now, position)
    const head = `{"topic":${JSON.stringify(topic)},"time":${now},"data":{"profile":${profile},"event":${JSON.stringify(event)}`
    this.predictor.enqueue(row, this.predictor.names, position, (predictions) => {
      this.pushes.push({ topic, body: `${head},"predictions":${JSON.stringify(predictions)}}}` })
    })
  }

  private pushForward(row: number): void {
    const id = formatKey(this.profiles.keyOf(row))
    const target = this.profiles.forwardOf(row)
    if (!this.watched.has(id) || target === null) return
    const topic = `profile:${id}`
    const data = { forwardedTo: formatKey(target) }
    this.pushes.push({ topic, body: JSON.stringify({ topic, time: this.now(), data }) })
  }

  private pushEffect(effect: Effect): void {
    const id = formatKey(this.profiles.keyOf(effect.row))
    const row = effect.row
    if (this.watched.has(id) && !this.touchedRows.has(row)) this.touchedRows.set(row, null)
    const topic =
      effect.kind === 'stateChanged' ? `states:${effect.name}` : `segment:${effect.name}`
    if (!this.topics.has(topic)) return
    const { kind, name, from, to, time } = effect
    const data = { kind, id, name, from, to, time }
    this.pushes.push({ topic, body: JSON.stringify({ topic, time: this.now(), data }) })
  }
}

function eventText(cursor: RecordCursor): string {
  if (cursor.type !== 0) return MESSAGE_TYPES[cursor.type]
  return cursor.eventCode > 0 ? eventNameOf(cursor.eventCode) : cursor.name
}

function noteOf(cursor: RecordCursor): EventNote {
  return {
    type: MESSAGE_TYPES[cursor.type],
    event: eventText(cursor),
    time: cursor.eventTime,
    messageId: cursor.messageId,
  }
}
