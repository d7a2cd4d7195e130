import type { ShardStore } from '../journal/shard-store.ts'
import type { CompiledDefinition } from '../profile/compile.ts'
import { PageCodec } from '../profile/page-codec.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ProfileStore } from '../profile/store.ts'

/** Pages in one transaction: bounds how long a turn waits behind a checkpoint. */
const PAGES_A_STEP = 16

/**
 * Writes the pages that changed since the last checkpoint, a few between turns.
 *
 * A fuzzy checkpoint: pages are of different moments, and that is sound because a profile's row
 * carries the sequence it has seen, so that recovery passes over what a page has already. The
 * position is where the journal stood when the checkpoint began. Pages follow the blocks that made
 * them through the same LMDB writer, so a page is never durable before its records.
 */
export class Checkpointer {
  private readonly store: ShardStore
  private readonly clock: Clock
  private readonly profiles: ProfileStore
  private readonly compiled: CompiledDefinition
  private readonly codec: PageCodec
  private readonly flushJournal: () => void
  private running: Promise<void> | null = null
  /** Dictionary entries on disk; a chunk's index is its first entry. */
  private dictionaryFrom: number
  private stale: boolean
  completed = 0
  lastSeconds = 0
  lastPosition = -1

  constructor(parts: {
    store: ShardStore
    profiles: ProfileStore
    compiled: CompiledDefinition
    /** Hands all records that were folded to the journal. */
    flushJournal: () => void
    /** As recovery found them; 0 when it started without the checkpoint. */
    dictionaryEntries: number
    clock: Clock
  }) {
    this.store = parts.store
    this.clock = parts.clock
    this.profiles = parts.profiles
    this.compiled = parts.compiled
    this.flushJournal = parts.flushJournal
    this.codec = new PageCodec(parts.profiles)
    this.dictionaryFrom = parts.dictionaryEntries
    const meta = this.store.readCheckpoint()
    this.stale = meta === null || meta.schemaHash !== this.compiled.schemaHash
    if (meta !== null && !this.stale) this.lastPosition = meta.position
  }

  /** Runs one checkpoint, or joins the one that runs. Yields between steps. */
  run(): Promise<void> {
    this.running ??= this.write().finally(() => {
      this.running = null
    })
    return this.running
  }

  private async write(): Promise<void> {
    const started = this.clock.monotonic()
    this.flushJournal()
    const position = this.store.nextSequence - 1
    if (position === this.lastPosition) return
    if (this.stale) await this.store.clearCheckpoint()
    this.stale = false
    const pages = [...this.profiles.dirtyPages()]
    for (let i = 0; i < pages.length; i += PAGES_A_STEP) {
      await this.writeStep(pages.slice(i, i + PAGES_A_STEP))
    }
    await this.store.finishCheckpoint({
      position,
      profiles: this.profiles.size,
      schemaHash: this.compiled.schemaHash,
      dictionaryEntries: this.dictionaryFrom,
      pendingForwards: [],
    })
    this.lastPosition = position
    this.lastSeconds = (this.clock.monotonic() - started) / 1000
    this.completed++
  }

  private async writeStep(pages: readonly number[]): Promise<void> {
    const size = this.profiles.dictionarySize
    let chunk: { index: number; bytes: Uint8Array } | null = null
    if (size > this.dictionaryFrom) {
      const bytes = this.profiles.exportDictionary(this.dictionaryFrom)
      chunk = { index: this.dictionaryFrom, bytes }
      this.dictionaryFrom = size
    }
    this.flushJournal()
    await this.store.writeCheckpointPages(this.encoded(pages), chunk)
  }

  private *encoded(pages: readonly number[]): Generator<[number, Uint8Array]> {
    for (const page of pages) {
      yield [page, this.codec.encode(page)]
      this.profiles.clearDirty(page)
    }
  }
}
