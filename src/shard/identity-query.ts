import { formatKey } from '../event/profile-key.ts'
import { RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { readConfirmed, readForward, readImport } from '../identity/notes.ts'
import { readRestored, readSplit } from '../identity/notes.ts'
import type { Identity } from '../identity/transition.ts'
import type { ProfileStore } from '../profile/store.ts'
import type { HistoryReader } from '../replay/history.ts'

/** Commands under way that are told of one by one. */
const PENDING_TOLD_MAX = 100

export interface IdentityParts {
  readonly shard: number
  readonly profiles: ProfileStore
  readonly history: HistoryReader
}

export interface TrailPage {
  readonly limit: number
  /** Only records before this sequence. */
  readonly before: number
}

interface TrailEntry {
  readonly position: string
  readonly kind: string
  readonly time: string
  readonly [detail: string]: unknown
}

/**
 * What a row knows of who it is, and the records that made it so, newest first; a record of the chain
 * between two yields.
 */
export function* identityOf(
  { shard, profiles, history }: IdentityParts,
  row: number,
  { limit, before }: TrailPage,
): Generator<void, Record<string, unknown>> {
  const state = profiles.identity(row)
  const id = formatKey(profiles.keyOf(row))
  const last = profiles.lastSequence(row)
  const position = `${shard}:${last}`
  const told = state.pending.slice(0, PENDING_TOLD_MAX)
  const pending = told.map((sequence) => entryOf(history, shard, sequence))
  const joined = joinedOf(state, shard, history)
  const cursor = new RecordCursor()
  const trail: TrailEntry[] = []
  let next: string | null = null
  for (const { sequence, bytes, offset } of limit === 0 ? [] : history.walk(last)) {
    const isAsked = sequence < before
    const entry = isAsked ? describe(cursor.over(bytes).at(offset), { shard, sequence }) : null
    if (entry !== null && trail.length === limit) {
      next = `${shard}:${sequence + 1}`
      break
    }
    if (entry !== null) trail.push(entry)
    yield
  }
  const links = linksOf(state)
  const former = state.former.map(({ to, until }) => ({ id: formatKey(to), until: iso(until) }))
  const waiting = state.pending.length
  const facts = { id, position, joined, links, former, pendingCount: waiting, pending }
  return { ...facts, trail, cursor: { next } }
}

function joinedOf(
  { forward, decided }: Identity,
  shard: number,
  history: HistoryReader,
): Record<string, unknown> | null {
  if (forward === null) return null
  const entry = entryOf(history, shard, decided)
  return { to: formatKey(forward), since: entry?.time ?? null, position: `${shard}:${decided}` }
}

function linksOf({ links }: Identity): Record<string, unknown>[] {
  return links.map((link) => {
    return { id: formatKey(link), since: iso(link.time), source: link.source }
  })
}

function entryOf(history: HistoryReader, shard: number, sequence: number): TrailEntry | null {
  const record = sequence < 0 ? null : history.record(sequence)
  if (record === null) return null
  return describe(new RecordCursor().over(record.bytes).at(record.offset), { shard, sequence })
}

/** A record of identity in words; null of others, and of slices before a command's last. */
function describe(
  cursor: RecordCursor,
  { shard, sequence }: { readonly shard: number; readonly sequence: number },
): TrailEntry | null {
  const details = detailsOf(cursor, shard)
  if (details === null) return null
  return { position: `${shard}:${sequence}`, time: iso(cursor.arrivalTime), ...details }
}

function detailsOf(
  cursor: RecordCursor,
  shard: number,
): { kind: string; [detail: string]: unknown } | null {
  const { kind, name, message } = cursor
  if (kind === RECORD_KIND.forward) {
    const { links, cause } = readForward(message)
    return { kind: 'forward', to: name, links, cause: cause === '' ? null : cause }
  }
  if (kind === RECORD_KIND.forwardConfirmed) {
    const { of } = readConfirmed(message)
    return { kind: 'confirmed', of: of === null ? null : `${shard}:${of}` }
  }
  if (kind === RECORD_KIND.import) {
    const { source, last, back } = readImport(message)
    return last ? { kind: back ? 'returned' : 'import', from: name, source } : null
  }
  if (kind === RECORD_KIND.split) {
    const { source, origins } = readSplit(message)
    return { kind: 'split', to: name, origins, source }
  }
  if (kind === RECORD_KIND.restored) {
    const { origins, cause } = readRestored(message)
    return { kind: 'restored', from: name, origins, cause: cause === '' ? null : cause }
  }
  if (kind === RECORD_KIND.linked) return { kind: 'linked', from: name }
  return kind === RECORD_KIND.decided && message === '' ? { kind: 'decided' } : null
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
