import { crc32 } from 'node:zlib'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { LimnError } from '../protocol/errors.ts'
import { BufferPool } from './buffer-pool.ts'
import type { Environment } from './environment.ts'
import { isSealed, sealText, unsealText } from './sealed-text.ts'

export interface CheckpointMeta {
  /** Where the journal stood when the checkpoint began; recovery folds what is after it. */
  readonly position: number
  readonly profiles: number
  readonly schemaHash: string
  readonly dictionaryEntries: number
  /** Source key → sequence of its unconfirmed forward. */
  readonly pendingForwards: readonly (readonly [string, number])[]
}

const checkpointMetaSchema = Compile(
  Type.Object({
    position: Type.Integer({ minimum: -1 }),
    profiles: Type.Integer({ minimum: 0 }),
    schemaHash: Type.String({ maxLength: 256 }),
    dictionaryEntries: Type.Integer({ minimum: 0 }),
    pendingForwards: Type.Array(Type.Tuple([Type.String(), Type.Integer({ minimum: 0 })])),
  }),
)

const REMEDY =
  'run "limn check --repair" to drop the checkpoint, which is then rebuilt from the journal'

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

  /** Throws `ERR_STORAGE_CORRUPT`: a checkpoint that is damaged is not the same as none. */
  read(): CheckpointMeta | null {
    return readCheckpointMeta(this.environment, this.shard)
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
    await this.environment.meta.put('checkpoint', sealText(meta))
  }

  async clear(): Promise<void> {
    const { pages, dictionary, meta } = this.environment
    await meta.remove('checkpoint')
    await Promise.all([pages.clearAsync(), dictionary.clearAsync()])
  }

  private unseal(value: Uint8Array, what: string): Uint8Array {
    const bytes = unseal(value)
    if (bytes !== null) return bytes
    const message = `shard ${this.shard}, checkpoint ${what}: checksum does not match; ${REMEDY}`
    throw new LimnError('ERR_STORAGE_CORRUPT', message)
  }
}

/**
 * The checkpoint's note, or null when there is none. Throws `ERR_STORAGE_CORRUPT`. One without a
 * checksum is of before there were any, and taken where the shard's own note has none either.
 */
export function readCheckpointMeta(environment: Environment, shard: number): CheckpointMeta | null {
  const text = environment.meta.get('checkpoint')
  if (text === undefined) return null
  return unsealText(text, {
    schema: checkpointMetaSchema,
    where: `shard ${shard}, checkpoint metadata`,
    remedy: REMEDY,
    unsealed: !isSealed(environment.meta.get('shard') ?? ''),
  })
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
