import { RecordCursor } from '../event/record-cursor.ts'
import { LimnError } from '../protocol/errors.ts'
import { BlockCache, CACHED_BLOCKS, holds } from './block-cache.ts'
import { blockBytes, decodeBlock, encodeBlock, viewBlock, writtenAtOf } from './block.ts'
import type { Block } from './block.ts'
import { BufferPool } from './buffer-pool.ts'
import { Checkpoint } from './checkpoint.ts'
import type { CheckpointMeta, DictionaryChunk } from './checkpoint.ts'
import { DeadLetters } from './dead-letters.ts'
import type { DeadLetter } from './dead-letters.ts'
import { openEnvironment } from './environment.ts'
import type { Environment } from './environment.ts'
import { checkShardMeta, refuseMissingShard } from './shard-meta.ts'
import { Space } from './space.ts'
import type { Room } from './space.ts'
import { writeFailure } from './write-failure.ts'

export interface ShardStoreOptions {
  readonly shard: number
  readonly shardCount: number
  readonly deadLettersMax: number
  /** Of all dead letters; without a bound if absent. */
  readonly deadLettersBytesMax?: number
  /** Largest size of the data file; as large as it gets if absent. */
  readonly mapSizeMaxBytes?: number
  readonly readOnly?: boolean
  /** Blocks kept for walks along chains; {@link CACHED_BLOCKS} if absent. */
  readonly cachedBlocks?: number
}

export interface Appended {
  readonly firstSequence: number
  /** Resolves when the block is synced to disk; rejects with `ERR_STORAGE_WRITE`. */
  readonly committed: Promise<void>
}

export interface StoredRecord {
  readonly sequence: number
  /** The record is at `offset`; both are valid until the next read, and not to be written to. */
  readonly bytes: Uint8Array
  readonly offset: number
}

/** A block until it is on disk. */
interface QueuedBlock {
  readonly block: Block
  readonly value: Uint8Array
  readonly hashes: Uint8Array | null
  readonly buffer: Uint8Array<ArrayBuffer>
  readonly claimed: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Message hashes of one block, low and high in turn. */
export interface MessageHashes {
  readonly hashes: Uint32Array
  readonly writtenAt: number
}

export interface RecentMessageHashes {
  /** Oldest first. */
  readonly blocks: readonly MessageHashes[]
  /** When the newest block was written that is asked for and left out; -Infinity if none is. */
  readonly leftOutUntil: number
}

/**
 * The journal, checkpoint, dedupe log and dead letters of one shard, in one LMDB environment.
 *
 * Single writer. Invariants: sequences are contiguous from 0; a block and the hashes of its messages
 * are one transaction; a block is on disk only with all before it; a checkpoint's pages are written
 * after all that was appended before them. Blocks not yet committed can be read.
 */
export class ShardStore {
  nextSequence: number
  durableSequence: number
  private readonly environment: Environment
  private readonly checkpoint: Checkpoint
  private readonly deadLetters: DeadLetters
  private readonly space: Room
  private readonly shard: number
  private readonly place: { readonly shard: number; readonly room: Room }
  private readonly pending: Block[] = []
  private queue: QueuedBlock[] = []
  private writing = false
  private lastAppend: Promise<void> = Promise.resolve()
  private readonly cache: BlockCache
  /** The block that was read last; one in flight only until its buffer is given back. */
  private lastBlock: Block | null = null
  /** Blocks that LMDB has not committed yet lie in these. */
  private readonly buffers = new BufferPool()
  private readonly cursor = new RecordCursor()

  private constructor(environment: Environment, space: Room, options: ShardStoreOptions) {
    this.environment = environment
    this.space = space
    this.shard = options.shard
    this.cache = new BlockCache(options.cachedBlocks ?? CACHED_BLOCKS)
    this.place = { shard: options.shard, room: space }
    this.checkpoint = new Checkpoint(environment, options.shard)
    this.deadLetters = new DeadLetters(environment, space, {
      max: options.deadLettersMax,
      bytesMax: options.deadLettersBytesMax ?? Infinity,
    })
    this.nextSequence = this.endOfJournal()
    this.durableSequence = this.nextSequence - 1
  }

  /**
   * Throws the errors of {@link openEnvironment}, {@link refuseMissingShard} and
   * {@link checkShardMeta}, and `ERR_STORAGE_FULL` where the file is too large.
   */
  static open(path: string, options: ShardStoreOptions): ShardStore {
    const { shard, readOnly = false, mapSizeMaxBytes } = options
    const place = { path, shard, shardCount: options.shardCount }
    refuseMissingShard(place)
    const environment = openEnvironment(path, { readOnly, mapSizeMaxBytes })
    checkShardMeta(environment, place, { readOnly })
    const bytesMax = mapSizeMaxBytes ?? Infinity
    const space = new Space(environment, { path, shard, bytesMax, readOnly })
    return new ShardStore(environment, space, options)
  }

  /** A store over an environment that is open already, such as a simulated one. */
  static over(environment: Environment, room: Room, options: ShardStoreOptions): ShardStore {
    const { shard, shardCount, readOnly = false } = options
    checkShardMeta(environment, { path: room.path, shard, shardCount }, { readOnly })
    return new ShardStore(environment, room, options)
  }

  /**
   * Appends a block. `records` are back to back with `previousSequence` set; they are copied. Throws
   * `ERR_STORAGE_FULL` before anything is written.
   */
  append(records: Uint8Array, count: number, writtenAt: number): Appended {
    const firstSequence = this.nextSequence
    const buffer = this.buffers.take(blockBytes(records.length, count))
    const value = encodeBlock(records, count, { firstSequence, writtenAt }, buffer)
    const block = viewBlock(value)
    const hashes = this.hashesOf(block)
    const claimed = this.space.claim(value.length + (hashes?.length ?? 0))
    this.nextSequence += count
    this.pending.push(block)
    const committed = new Promise<void>((resolve, reject) => {
      this.queue.push({ block, value, hashes, buffer, claimed, resolve, reject })
    })
    this.lastAppend = committed
    // Who asks for `durable` or awaits `committed` hears of a failure.
    committed.catch(() => undefined)
    if (!this.writing) this.writeQueued()
    return { firstSequence, committed }
  }

  /** Resolves when all that was appended so far is on disk. Rejects with `ERR_STORAGE_WRITE`. */
  durable(): Promise<void> {
    return this.lastAppend
  }

  /**
   * Writes all blocks that wait, in one transaction. One is in flight at a time: so no block is on disk
   * without those before it, whatever fails. After a failure nothing is written any more.
   */
  private writeQueued(): void {
    const blocks = this.queue
    this.queue = []
    this.writing = true
    const { journal, dedupe, root } = this.environment
    const written = root.batch(() => {
      for (const { block, value, hashes } of blocks) {
        // A failed commit rejects the batch as well, which is where it is handled.
        journal.put(block.firstSequence, value).catch(() => undefined)
        if (hashes !== null) dedupe.put(block.firstSequence, hashes).catch(() => undefined)
      }
    })
    written.then(
      () => this.written(blocks),
      (error: unknown) => this.notWritten(blocks, error),
    )
  }

  private written(blocks: readonly QueuedBlock[]): void {
    for (const { block, buffer, claimed, resolve } of blocks) {
      this.space.release(claimed)
      this.pending.splice(this.pending.indexOf(block), 1)
      if (this.lastBlock === block) this.lastBlock = null
      this.buffers.giveBack(buffer)
      this.durableSequence = block.firstSequence + block.count - 1
      resolve()
    }
    this.writing = false
    if (this.queue.length > 0) this.writeQueued()
  }

  private notWritten(blocks: readonly QueuedBlock[], error: unknown): void {
    writeFailure(this.place, 'journal', error).then(
      (failure) => {
        for (const { reject } of [...blocks, ...this.queue.splice(0)]) reject(failure)
      },
      (failure: unknown) => {
        for (const { reject } of [...blocks, ...this.queue.splice(0)]) reject(failure)
      },
    )
  }

  /** Blocks from the one that holds `fromSequence` on, in order, durable ones only. */
  *blocks(fromSequence: number): Generator<Block> {
    const first = this.firstSequenceOf(fromSequence)
    const start = first ?? fromSequence
    for (const { key, value } of this.environment.journal.getRange({ start })) {
      yield decodeBlock(value, this.where(key))
    }
  }

  /** A profile's records, newest first, from the given sequence back along the chain. */
  *history(lastSequence: number): Generator<StoredRecord> {
    let sequence = lastSequence
    while (sequence >= 0) {
      const record = this.readRecord(sequence)
      if (record === null) return
      const previous = previousOf(record)
      yield record
      if (previous >= sequence) {
        throw new LimnError(
          'ERR_STORAGE_CORRUPT',
          `${this.where(sequence)}: the chain of records runs in a circle`,
        )
      }
      sequence = previous
    }
  }

  /** One record, committed or in flight; null when the journal does not reach it. */
  readRecord(sequence: number): StoredRecord | null {
    const block = this.blockOf(sequence)
    if (block === null) return null
    const offset = block.offsets[sequence - block.firstSequence]
    return { sequence, bytes: block.bytes, offset }
  }

  /** Message hashes of blocks written since then: the newest blocks, until they have that many. */
  recentMessageHashes(sinceMs: number, hashesMax: number): RecentMessageHashes {
    const blocks: MessageHashes[] = []
    let count = 0
    for (const { value } of this.environment.dedupe.getRange({ reverse: true })) {
      const copy = value.slice()
      const writtenAt = new DataView(copy.buffer).getFloat64(0, true)
      if (writtenAt < sinceMs) break
      if (count >= hashesMax) return { blocks: blocks.reverse(), leftOutUntil: writtenAt }
      blocks.push({ hashes: new Uint32Array(copy.buffer, 8), writtenAt })
      count += (copy.byteLength - 8) / 8
    }
    return { blocks: blocks.reverse(), leftOutUntil: Number.NEGATIVE_INFINITY }
  }

  /** Forgets message hashes of blocks written before then. */
  async pruneDedupe(beforeMs: number): Promise<void> {
    const { dedupe, root } = this.environment
    const old: number[] = []
    for (const { key, value } of dedupe.getRange({ limit: PRUNED_A_TIME })) {
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
      if (view.getFloat64(0, true) >= beforeMs) break
      old.push(key)
    }
    if (old.length === 0) return
    await this.write('dedupe log', 0, () =>
      root.batch(() => {
        for (const key of old) dedupe.remove(key).catch(() => undefined)
      }),
    )
  }

  /**
   * Drops whole blocks that were written before then, oldest first, at most {@link DROPPED_A_TIME};
   * resolves with how many, 0 when none is left to drop. Keeps what recovery needs: everything after
   * the checkpoint's position, forwards that are not confirmed, and the last block, which says where
   * the journal ends. Chains of records end where the journal now begins.
   */
  async dropBlocksWrittenBefore(timeMs: number): Promise<number> {
    const { journal, root } = this.environment
    const end = firstNeeded(this.readCheckpoint())
    const keys = [...journal.getKeys({ end: end + 1, limit: DROPPED_A_TIME + 1 })]
    keys.pop() // it may reach up to `end` or beyond, or be the last
    let count = keys.length
    while (count > 0 && !(this.writtenAt(keys[count - 1]) < timeMs)) count >>= 1
    if (count === 0) return 0
    await this.write('journal', 0, () =>
      root.batch(() => {
        for (const key of keys.slice(0, count)) journal.remove(key).catch(() => undefined)
      }),
    )
    this.cache.clear()
    this.lastBlock = null
    return count
  }

  /** Of the oldest record that is left; of the next one when there is none. */
  get firstSequence(): number {
    for (const sequence of this.environment.journal.getKeys({ limit: 1 })) return sequence
    return this.nextSequence
  }

  /** Whether joins of the first format have been looked through, and made where they were not. */
  get joinsHealed(): boolean {
    return this.environment.meta.get(JOINS_HEALED) !== undefined
  }

  /** Resolves when it is on disk, with all that was appended before. */
  async noteJoinsHealed(): Promise<void> {
    await this.durable()
    await this.write('note of healed joins', 0, () =>
      this.environment.meta.put(JOINS_HEALED, 'yes'),
    )
  }

  readCheckpoint(): CheckpointMeta | null {
    return this.checkpoint.read()
  }

  checkpointPages(): Generator<[number, Uint8Array]> {
    return this.checkpoint.pages()
  }

  dictionaryChunks(): Generator<Uint8Array> {
    return this.checkpoint.dictionaryChunks()
  }

  /** Pages as they are now; they go to disk after the records that made them. */
  async writeCheckpointPages(
    pages: Iterable<[number, Uint8Array]>,
    chunks: readonly DictionaryChunk[],
  ): Promise<void> {
    const sealed = this.checkpoint.seal(pages, chunks)
    await this.durable()
    return this.write('checkpoint', sealed.bytes, () => this.checkpoint.write(sealed))
  }

  async finishCheckpoint(meta: CheckpointMeta): Promise<void> {
    await this.durable()
    return this.write('checkpoint', 0, () => this.checkpoint.finish(meta))
  }

  clearCheckpoint(): Promise<void> {
    return this.write('checkpoint', 0, () => this.checkpoint.clear())
  }

  putDeadLetter(letter: DeadLetter): void {
    this.deadLetters.put(letter)
  }

  get fileBytes(): number {
    return this.space.fileBytes
  }

  removeDeadLetter(id: number): Promise<void> {
    return this.deadLetters.remove(id)
  }

  get deadLetterCount(): number {
    return this.deadLetters.count
  }

  get deadLetterBytes(): number {
    return this.deadLetters.bytes
  }

  /** Letters that were not kept or had to go, since the store was opened. */
  get deadLettersDropped(): number {
    return this.deadLetters.dropped
  }

  async close(): Promise<void> {
    await this.durable()
    await this.environment.root.flushed
    await this.environment.root.close()
  }

  /** Writes within the bound; throws `ERR_STORAGE_FULL` or `ERR_STORAGE_WRITE`. */
  private async write(what: string, bytes: number, work: () => Promise<unknown>): Promise<void> {
    const claimed = this.space.claim(bytes)
    try {
      await work()
    } catch (error) {
      throw await writeFailure(this.place, what, error)
    } finally {
      this.space.release(claimed)
    }
  }

  private endOfJournal(): number {
    for (const { key, value } of this.environment.journal.getRange({ reverse: true, limit: 1 })) {
      return key + decodeBlock(value, this.where(key)).count
    }
    return 0
  }

  /** When a block was written (arrival time, ms); NaN for one that is damaged. */
  writtenAt(firstSequence: number): number {
    const value = this.environment.journal.get(firstSequence)
    return value === undefined ? NaN : writtenAtOf(value)
  }

  /** When the newest block was written; null for an empty journal, or where that block is damaged. */
  lastWrittenAt(): number | null {
    const { journal } = this.environment
    for (const { value } of journal.getRange({ reverse: true, limit: 1 })) {
      const at = writtenAtOf(value)
      return Number.isNaN(at) ? null : at
    }
    return null
  }

  private firstSequenceOf(sequence: number): number | null {
    for (const key of this.environment.journal.getKeys({
      start: sequence,
      reverse: true,
      limit: 1,
    })) {
      return key
    }
    return null
  }

  private blockOf(sequence: number): Block | null {
    // A walk meets the same block again and again.
    if (this.lastBlock !== null && holds(this.lastBlock, sequence)) return this.lastBlock
    const known = find(this.pending, sequence) ?? this.cache.find(sequence)
    if (known !== null) {
      this.lastBlock = known
      return known
    }
    const { journal } = this.environment
    const key = this.firstSequenceOf(sequence)
    const value = key === null ? undefined : journal.getBinaryFast(key)
    if (key === null || value === undefined) return null
    this.lastBlock = null
    // LMDB's memory for values may be longer than the value, whose length it says.
    const whole = value.subarray(0, value.length)
    const block = this.cache.keep(whole, (copy) => decodeBlock(copy, this.where(key)))
    this.lastBlock = block
    return holds(block, sequence) ? block : null
  }

  private hashesOf(block: Block): Uint8Array | null {
    const bytes = new Uint8Array(8 + 8 * block.count)
    const view = new DataView(bytes.buffer)
    view.setFloat64(0, block.writtenAt, true)
    let at = 8
    this.cursor.over(block.bytes)
    for (let i = 0; i < block.count; i++) {
      const { messageHashLow, messageHashHigh } = this.cursor.at(block.offsets[i])
      if (messageHashLow === 0 && messageHashHigh === 0) continue
      view.setUint32(at, messageHashLow, true)
      view.setUint32(at + 4, messageHashHigh, true)
      at += 8
    }
    return at === 8 ? null : bytes.subarray(0, at)
  }

  private where(sequence: number): string {
    return `shard ${this.shard}, journal block ${sequence}`
  }
}

const JOINS_HEALED = 'joinsHealed'

const PREVIOUS_AT = 24
const previousBytes = new Uint8Array(8)
const previousView = new DataView(previousBytes.buffer)

/** The sequence of the profile's record before this one; -1 for none. */
function previousOf({ bytes, offset }: StoredRecord): number {
  for (let i = 0; i < 8; i++) previousBytes[i] = bytes[offset + PREVIOUS_AT + i]
  return previousView.getFloat64(0, true)
}

function find(blocks: readonly Block[], sequence: number): Block | null {
  for (let i = 0; i < blocks.length; i++) if (holds(blocks[i], sequence)) return blocks[i]
  return null
}

const PRUNED_A_TIME = 1000
/** Blocks in one transaction. */
export const DROPPED_A_TIME = 256

/** The first sequence that a recovery from this checkpoint reads. */
function firstNeeded(meta: CheckpointMeta | null): number {
  if (meta === null) return 0
  const forwards = meta.pendingForwards.map(([, sequence]) => sequence)
  return Math.min(meta.position + 1, ...forwards)
}
