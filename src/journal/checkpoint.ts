import { crc32 } from 'node:zlib'
import { LimnError } from '../protocol/errors.ts'
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

/** Dictionary entries from `index` on. */
export interface DictionaryChunk {
  readonly index: number
  readonly bytes: Uint8Array
}

/** Pages of profiles, each with its checksum, and the note that says which position they cover. */
export class Checkpoint {
  private readonly environment: Environment
  private readonly shard: number

  constructor(environment: Environment, shard: number) {
    this.environment = environment
    this.shard = shard
  }

  read(): CheckpointMeta | null {
    const text = this.environment.meta.get('checkpoint')
    return text === undefined ? null : (JSON.parse(text) as CheckpointMeta)
  }

  *pages(): Generator<[number, Uint8Array]> {
    for (const { key, value } of this.environment.pages.getRange()) {
      yield [key, this.unseal(value, `page ${key}`)]
    }
  }

  *dictionaryChunks(): Generator<Uint8Array> {
    for (const { key, value } of this.environment.dictionary.getRange()) {
      yield this.unseal(value, `dictionary chunk ${key}`)
    }
  }

  /** One durable transaction. */
  async write(
    pages: readonly [number, Uint8Array][],
    chunk: DictionaryChunk | null,
  ): Promise<void> {
    const { root, pages: table, dictionary } = this.environment
    await root.batch(() => {
      for (const [page, bytes] of pages) void table.put(page, seal(bytes))
      if (chunk !== null) void dictionary.put(chunk.index, seal(chunk.bytes))
    })
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

function seal(bytes: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(bytes.length + 4)
  new DataView(sealed.buffer).setUint32(0, crc32(bytes), true)
  sealed.set(bytes, 4)
  return sealed
}

/** The bytes under a checksum, or null where it does not match. */
export function unseal(value: Uint8Array): Uint8Array | null {
  if (value.length < 4) return null
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const bytes = value.subarray(4)
  return crc32(bytes) === view.getUint32(0, true) ? bytes : null
}
