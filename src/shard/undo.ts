import { formatKey, parseKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { KEY_KIND, RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { readForward, restoredText } from '../identity/notes.ts'
import { formatPosition } from '../protocol/position.ts'
import { isUnavailable } from '../protocol/shard-messages.ts'
import type { BatchResult } from '../protocol/shard-messages.ts'
import type { QueryReply } from '../protocol/shards.ts'
import type { HistoryReader } from '../replay/history.ts'
import type { Cancel } from '../runtime/clock.ts'
import { Batch } from './batch.ts'
import type { Commands } from './commands.ts'
import type { Deliveries } from './deliveries.ts'
import type { Turn } from './turn.ts'

/** How long a request waits for the records to come back; after that it is told that they will. */
export const UNDO_WAIT_MS = 10_000

type Answer = (reply: QueryReply) => void

export interface UndoParts {
  readonly turn: Turn
  readonly commands: Commands
  readonly deliveries: Deliveries
  readonly history: HistoryReader
}

/**
 * Undoes the newest join of an id, where it was decided: at an anonymous id's own shard, and for users
 * at the one that keeps the forest of renames. What is journalled here is carried out by commands,
 * through crashes, so whoever asked may go; who asks again is told how far it is.
 */
export class Undo {
  private readonly parts: UndoParts

  constructor(parts: UndoParts) {
    this.parts = parts
  }

  /** @param id `user:…` or `anonymous:…` of this shard, or a user where this one keeps the forest */
  undo(id: string, answer: Answer): void {
    const key = parseKey(id)
    const decided = key.kind === KEY_KIND.user ? { ...key, kind: KEY_KIND.rename } : key
    const { profiles } = this.parts.turn.parts
    const row = profiles.findKey(decided.kind, decided.key)
    const state = row < 0 ? null : profiles.identity(row)
    if (state === null || (state.forward === null && state.decided < 0)) {
      return answer(notJoined(id))
    }
    if (state.forward === null) {
      const done = state.pending.length === 0
      return answer(done ? undone(id, { undone: false, from: null, position: '' }) : underWay(id))
    }
    if (this.isOfFirstFormat(state.decided)) return answer(ofFirstFormat(id))
    this.begin(decided, { id, from: formatKey(state.forward) }, answer)
  }

  private begin(
    decided: ProfileKey,
    { id, from }: { readonly id: string; readonly from: string },
    answer: Answer,
  ): void {
    const { turn, deliveries } = this.parts
    const { clock } = turn.parts
    let waits = true
    const reply = (given: QueryReply): void => {
      if (waits) answer(given)
      waits = false
    }
    const done = (result: BatchResult): void => {
      cancel()
      if (isUnavailable(result)) reply(underWay(id))
      else reply(undone(id, { undone: true, from, position: formatPosition(result.positions) }))
    }
    const batch = new Batch(1, null, done)
    turn.addBatch(batch)
    const place = { batch, record: 0, stage: 'apply', hops: 0 } as const
    if (decided.kind === KEY_KIND.rename) this.restoreRename(decided, from, place)
    else deliveries.restore(decided, place)
    const cancel: Cancel = clock.after(UNDO_WAIT_MS, () => reply(underWay(id)))
  }

  /** The user's place in the forest is free again; its own shard is sent a command to do the rest. */
  private restoreRename(
    key: ProfileKey,
    name: string,
    place: Parameters<Commands['begin']>[2],
  ): void {
    const { turn, commands } = this.parts
    const message = restoredText({ splits: true, origins: [], whole: false, cause: '' })
    const sequence = turn.appendOwn(RECORD_KIND.restored, key, { name, message })
    commands.begin(turn.parts.profiles.findKey(key.kind, key.key), sequence, place)
  }

  /** Records that the first format moved do not say where they came under. */
  private isOfFirstFormat(sequence: number): boolean {
    const record = sequence < 0 ? null : this.parts.history.record(sequence)
    if (record === null) return false
    const cursor = new RecordCursor().over(record.bytes).at(record.offset)
    return cursor.kind === RECORD_KIND.forward && readForward(cursor.message).legacy
  }
}

interface Undone {
  /** False where an earlier request did. */
  readonly undone: boolean
  readonly from: string | null
  readonly position: string
}

function undone(id: string, { undone: now, from, position }: Undone): QueryReply {
  return json(200, { id, state: 'done', undone: now, from, position })
}

function underWay(id: string): QueryReply {
  return json(202, { id, state: 'pending' })
}

function notJoined(id: string): QueryReply {
  const message = `${JSON.stringify(id.slice(0, 200))} is not joined to another profile; only the id that was joined can be given back`
  return json(409, { error: { code: 'ERR_IDENTITY_NOT_JOINED', message } })
}

function ofFirstFormat(id: string): QueryReply {
  const message = `${JSON.stringify(id.slice(0, 200))} was joined before records kept the id that they came under; which to give back is not known`
  return json(409, { error: { code: 'ERR_IDENTITY_UNDO_FORMAT', message } })
}

function json(status: number, value: unknown): QueryReply {
  return { status, body: JSON.stringify(value) }
}
