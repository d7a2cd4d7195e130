import type { DictionaryChunk } from '../journal/checkpoint.ts'
import type { ShardStore } from '../journal/shard-store.ts'
import type { CompiledDefinition } from '../profile/compile.ts'
import { PageCodec } from '../profile/page-codec.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ProfileStore } from '../profile/store.ts'

/** Pages in one transaction: bounds how long a turn waits behind a checkpoint. */
const PAGES_A_STEP = 16
/** Chunks of texts that are written with pages; of more, so many at a time go ahead of them. */
const CHUNKS_A_STEP = 8
/** Times that texts go ahead of one step's pages, while new ones keep coming. */
const TEXT_STEPS_MAX = 256
/** Keys of chunks start here: below are those of a format that had no numbers twice. */
const CHUNK_KEYS_FROM = 1 << 24

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
    clock: Clock
  }) {
    this.store = parts.store
    this.clock = parts.clock
    this.profiles = parts.profiles
    this.compiled = parts.compiled
    this.flushJournal = parts.flushJournal
    this.codec = new PageCodec(parts.profiles)
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
    this.profiles.collector.checkpointBegins()
    const pages = [...this.profiles.dirtyPages()]
    for (let i = 0; i < pages.length; i += PAGES_A_STEP) {
      await this.writeStep(pages.slice(i, i + PAGES_A_STEP))
    }
    await this.store.finishCheckpoint({
      position,
      profiles: this.profiles.size,
      schemaHash: this.compiled.schemaHash,
      dictionaryEntries: this.profiles.dictionarySize,
      pendingForwards: [],
    })
    this.profiles.collector.checkpointEnded()
    this.lastPosition = position
    this.lastSeconds = (this.clock.monotonic() - started) / 1000
    this.completed++
  }

  private async writeStep(pages: readonly number[]): Promise<void> {
    const { strings } = this.profiles
    for (let i = 0; i < TEXT_STEPS_MAX && strings.dirtyChunks > CHUNKS_A_STEP; i++) {
      await this.writeNow([], this.takeTexts(CHUNKS_A_STEP))
    }
    this.flushJournal()
    // In one transaction: a page must not be on disk without the texts that it holds.
    await this.writeNow(pages, this.takeTexts(Number.POSITIVE_INFINITY))
  }

  /** What cannot be written stays dirty, for the next checkpoint says that it is on disk. */
  private async writeNow(
    pages: readonly number[],
    texts: readonly DictionaryChunk[],
  ): Promise<void> {
    try {
      await this.store.writeCheckpointPages(this.encoded(pages), texts)
    } catch (error) {
      for (const page of pages) this.profiles.setDirty(page)
      for (const { index } of texts) this.profiles.strings.setDirty(index - CHUNK_KEYS_FROM)
      throw error
    }
  }

  private takeTexts(chunksMax: number): DictionaryChunk[] {
    const { strings } = this.profiles
    const taken: DictionaryChunk[] = []
    for (let chunk = strings.nextDirtyChunk(0); chunk >= 0 && taken.length < chunksMax;) {
      taken.push({ index: CHUNK_KEYS_FROM + chunk, bytes: strings.dumpChunk(chunk) })
      chunk = strings.nextDirtyChunk(chunk + 1)
    }
    return taken
  }

  private *encoded(pages: readonly number[]): Generator<[number, Uint8Array]> {
    for (const page of pages) {
      yield [page, this.codec.encode(page)]
      this.profiles.clearDirty(page)
    }
  }
}
