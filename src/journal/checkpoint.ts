import { crc32 } from 'node:zlib'
import { LimnError } from '../protocol/errors.ts'
import { BufferPool } from './buffer-pool.ts'
import type { Environment } from './environment.ts'

export interface CheckpointMeta {
  /** Where the journal stood when the checkpoint began; recovery folds what is after it. */
  readonly position: number
  readonly profiles: number
  readonly schemaHash: string
  readonly dictionaryEntries: number
  /** Source key → sequence of its unconfirmed forward. */
  readonly pendingForwards: readonly (readonly [string, number])[]
}

/** Texts that are dumped together, under the key `index`. */
export interface DictionaryChunk {
  readonly index: number
  readonly bytes: Uint8Array
}

/** Values of one transaction, each under its checksum. */
interface SealedStep {
  readonly pages: [number, Uint8Array][]
  readonly chunks: DictionaryChunk[]
  readonly buffers: Uint8Array<ArrayBuffer>[]
  bytes: number
}

/** Pages of profiles, each with its checksum, and the note that says which position they cover. */
export class Checkpoint {
  private readonly environment: Environment
  private readonly shard: number
  private readonly buffers = new BufferPool()

  constructor(environment: Environment, shard: number) {
    this.environment = environment
    this.shard = shard
  }

  read(): CheckpointMeta | null {
    const text = this.environment.meta.get('checkpoint')
    return text === undefined ? null : (JSON.parse(text) as CheckpointMeta)
  }

  /** Pages in ascending order; each is valid until the next. */
  *pages(): Generator<[number, Uint8Array]> {
    const { pages } = this.environment
    for (const page of pages.getKeys()) {
      const value = pages.getBinaryFast(page)
      if (value !== undefined) yield [page, this.unseal(value, `page ${page}`)]
    }
  }

  *dictionaryChunks(): Generator<Uint8Array> {
    for (const { key, value } of this.environment.dictionary.getRange()) {
      yield this.unseal(value, `dictionary chunk ${key}`)
    }
  }

  /** Copies pages, as they come, and chunks into values for {@link write}. */
  seal(pages: Iterable<[number, Uint8Array]>, chunks: readonly DictionaryChunk[]): SealedStep {
    const step: SealedStep = { pages: [], chunks: [], buffers: [], bytes: 0 }
    const seal = (bytes: Uint8Array): Uint8Array => {
      const buffer = this.buffers.take(SEAL_BYTES + bytes.length)
      step.buffers.push(buffer)
      step.bytes += SEAL_BYTES + bytes.length
      return sealInto(buffer, bytes)
    }
    for (const [page, bytes] of pages) step.pages.push([page, seal(bytes)])
    for (const { index, bytes } of chunks) step.chunks.push({ index, bytes: seal(bytes) })
    return step
  }

  /** One durable transaction. */
  async write({ pages, chunks, buffers }: SealedStep): Promise<void> {
    const { root, pages: table, dictionary } = this.environment
    await root.batch(() => {
      // A failed commit rejects the batch as well, which is where it is handled.
      for (const [page, value] of pages) table.put(page, value).catch(() => undefined)
      for (const { index, bytes } of chunks) dictionary.put(index, bytes).catch(() => undefined)
    })
    for (const buffer of buffers) this.buffers.giveBack(buffer)
  }

  async finish(meta: CheckpointMeta): Promise<void> {
    await this.environment.meta.put('checkpoint', JSON.stringify(meta))
  }

  async clear(): Promise<void> {
    const { pages, dictionary, meta } = this.environment
    await meta.remove('checkpoint')
    await Promise.all([pages.clearAsync(), dictionary.clearAsync()])
  }

  private unseal(value: Uint8Array, what: string): Uint8Array {
    const bytes = unseal(value)
    if (bytes !== null) return bytes
    const message = `shard ${this.shard}, checkpoint ${what}: checksum does not match; run "limn check --repair" to drop the checkpoint, which is then rebuilt from the journal`
    throw new LimnError('ERR_STORAGE_CORRUPT', message)
  }
}

const SEAL_BYTES = 4

/** Puts bytes under their checksum, at the start of the buffer. */
function sealInto(buffer: Uint8Array<ArrayBuffer>, bytes: Uint8Array): Uint8Array {
  new DataView(buffer.buffer).setUint32(0, crc32(bytes), true)
  buffer.set(bytes, SEAL_BYTES)
  return buffer.subarray(0, SEAL_BYTES + bytes.length)
}

/** The bytes under a checksum, or null where it does not match. */
export function unseal(value: Uint8Array): Uint8Array | null {
  if (value.length < SEAL_BYTES) return null
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const bytes = value.subarray(SEAL_BYTES)
  return crc32(bytes) === view.getUint32(0, true) ? bytes : null
}
