import { RecordCursor } from '../event/record-cursor.ts'
import type { ShardStore } from '../journal/shard-store.ts'
import { ROW_MARK } from '../profile/compile.ts'
import type { CompiledDefinition } from '../profile/compile.ts'
import { PageCodec } from '../profile/page-codec.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ProfileStore } from '../profile/store.ts'
import type { DedupeWindow } from './dedupe.ts'
import type { Replayer } from '../replay/replayer.ts'

export interface RecoveryReport {
  readonly profiles: number
  readonly checkpointPages: number
  readonly dictionaryEntries: number
  readonly replayedRecords: number
  readonly dedupeIds: number
  readonly seconds: number
  /** Why the checkpoint was not used, or '' when it was (or there was none). */
  readonly checkpointSkipped: string
}

/**
 * Brings profiles back to the end of the journal: checkpoint pages, then the records after the
 * checkpoint's position. A checkpoint of another definition is passed over and the whole journal is
 * folded, which is how a new trait gets its history.
 */
export function recover(
  parts: {
    store: ShardStore
    profiles: ProfileStore
    compiled: CompiledDefinition
    replayer: Replayer
    dedupe: DedupeWindow
    dedupeHours: number
    clock: Clock
  },
  onProgress: (detail: string) => void,
): RecoveryReport {
  const started = parts.clock.monotonic()
  const { store, profiles, compiled, replayer } = parts
  const meta = store.readCheckpoint()
  const usable = meta !== null && meta.schemaHash === compiled.schemaHash
  let checkpointPages = 0
  let dictionaryEntries = 0
  let from = 0
  if (usable) {
    for (const chunk of store.dictionaryChunks()) profiles.importDictionary(chunk)
    dictionaryEntries = profiles.dictionarySize
    profiles.reserve(meta.profiles)
    checkpointPages = loadPages(store, profiles, replayer)
    from = meta.position + 1
    onProgress(`checkpoint at ${meta.position}: ${profiles.size} profiles`)
  }
  tellBeginning(store, from, onProgress)
  // Where older records were dropped, a profile cannot be folded anew from what is left at the end.
  replayer.refolding = store.firstSequence > 0 ? 'here' : 'later'
  const replayedRecords = replayTail(parts, from, onProgress)
  replayer.refolding = 'later'
  const dedupeIds = restoreDedupe(parts)
  const checkpointSkipped = meta !== null && !usable ? 'the profile definition has changed' : ''
  const seconds = (parts.clock.monotonic() - started) / 1000
  return {
    profiles: profiles.size,
    checkpointPages,
    dictionaryEntries,
    replayedRecords,
    dedupeIds,
    seconds,
    checkpointSkipped,
  }
}

/** Says so where profiles are folded from a journal whose older part was dropped. */
function tellBeginning(
  store: ShardStore,
  from: number,
  onProgress: (detail: string) => void,
): void {
  const { firstSequence } = store
  if (firstSequence <= from || firstSequence === store.nextSequence) return
  const writtenAt = store.writtenAt(firstSequence)
  const since = Number.isNaN(writtenAt) ? '' : `, written ${new Date(writtenAt).toISOString()}`
  onProgress(
    `profiles are folded from the journal, which reaches back to record ${firstSequence}${since}; what was dropped before (journal.retentionDays) is not in them`,
  )
}

/** Loads all pages; rows that were to be folded again are marked so once more. */
function loadPages(store: ShardStore, profiles: ProfileStore, replayer: Replayer): number {
  const codec = new PageCodec(profiles)
  let pages = 0
  for (const [page, bytes] of store.checkpointPages()) {
    codec.decode(page, bytes)
    const first = page * profiles.rowsPerPage
    for (let row = first; row < profiles.size; row++) {
      if (profiles.isMarked(row, ROW_MARK.refold)) replayer.marked.add(row)
    }
    pages++
  }
  return pages
}

function replayTail(
  parts: { store: ShardStore; replayer: Replayer; clock: Clock },
  from: number,
  onProgress: (detail: string) => void,
): number {
  const cursor = new RecordCursor()
  const total = parts.store.nextSequence - from
  let replayed = 0
  let reportAt = parts.clock.monotonic() + 1000
  for (const block of parts.store.blocks(from)) {
    cursor.over(block.bytes)
    for (let i = 0; i < block.count; i++) {
      const sequence = block.firstSequence + i
      if (sequence < from) continue
      parts.replayer.apply(cursor.at(block.offsets[i]), sequence)
      replayed++
    }
    if (parts.clock.monotonic() > reportAt) {
      reportAt += 1000
      onProgress(`replayed ${replayed} of ${total} records`)
    }
  }
  return replayed
}

/** Adds what fits of the log, so that the newest ids are known again and the horizon is told truly. */
function restoreDedupe({
  store,
  dedupe,
  dedupeHours,
  clock,
}: {
  store: ShardStore
  dedupe: DedupeWindow
  dedupeHours: number
  clock: Clock
}): number {
  let ids = 0
  const now = clock.now()
  const recent = store.recentMessageHashes(now - dedupeHours * 3_600_000, dedupe.capacity)
  dedupe.forgetUntil(recent.leftOutUntil)
  dedupe.reserve(recent.blocks.reduce((sum, { hashes }) => sum + hashes.length / 2, 0))
  for (const { hashes, writtenAt } of recent.blocks) {
    dedupe.addAll(hashes, writtenAt, now)
    ids += hashes.length / 2
  }
  return ids
}
