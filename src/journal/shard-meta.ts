import { dirname } from 'node:path'
import Type from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { LimnError } from '../protocol/errors.ts'
import { readCheckpointMeta } from './checkpoint.ts'
import { openEnvironment } from './environment.ts'
import type { Environment } from './environment.ts'
import { missingOf, readManifest, restoreRemedy, STORAGE_FORMAT } from './manifest.ts'
import type { FoundManifest } from './manifest.ts'
import { isSealed, sealText, unsealText } from './sealed-text.ts'
import { storageFailure } from './write-failure.ts'

/** What a shard says of itself: which it is, of how many, and of which data directory. */
const ShardMeta = Type.Object({
  format: Type.Integer(),
  shard: Type.Integer({ minimum: 0 }),
  shardCount: Type.Integer({ minimum: 1 }),
  /** Of the data directory; not in a shard that was opened by itself, or of before there were ids. */
  id: Type.Optional(Type.String()),
})
type ShardMeta = Static<typeof ShardMeta>

const shardMetaSchema = Compile(ShardMeta)

export interface ShardPlace {
  readonly path: string
  readonly shard: number
  readonly shardCount: number
}

const KEYS: ReadonlySet<string> = new Set(['shard', 'checkpoint', 'joinsHealed'])

/**
 * Refuses a shard that is gone from a directory where all shards were made: opening it would make an
 * empty one. Throws `ERR_STORAGE_MISSING`.
 */
export function refuseMissingShard({ path, shard }: ShardPlace): void {
  const manifest = readManifest(dirname(path))
  if (manifest === null || manifest.state === 'creating') return
  const what = missingOf(path)
  if (what === null) return
  const message = `${what}: acknowledged events are gone; ${restoreRemedy(shard)}`
  throw new LimnError('ERR_STORAGE_MISSING', message)
}

/**
 * Checks that an environment is this shard of the data directory that it lies in. Throws
 * `ERR_STORAGE_CORRUPT`, `ERR_STORAGE_FORMAT`, `ERR_STORAGE_SHARD_COUNT` and `ERR_STORAGE_FOREIGN`.
 * A writer marks a shard that is new, and one of before there were ids and checksums.
 */
export function checkShardMeta(
  environment: Environment,
  place: ShardPlace,
  { readOnly }: { readOnly: boolean },
): void {
  const manifest = readManifest(dirname(place.path))
  const stored = readShardMeta(environment, place, manifest)
  const id = manifest?.id ?? stored?.id
  if (stored === null) refuseUnmarked(environment, place, manifest)
  else refuseOther(stored, place, manifest)
  const isMarked = stored?.id === id && isSealed(environment.meta.get('shard') ?? '')
  if (!readOnly && !isMarked) mark(environment, place, id)
}

/** The id that a shard has of its data directory; null for one that has none. */
export function shardDirectoryId(place: ShardPlace): string | null {
  const environment = openEnvironment(place.path, { readOnly: true })
  try {
    const meta = readShardMeta(environment, place, null)
    if (meta === null) throw unmarked(place)
    refuseOther(meta, place, null)
    return meta.id ?? null
  } finally {
    void environment.root.close()
  }
}

/**
 * Makes a shard that holds nothing where one was moved away. Throws `ERR_STORAGE_NOT_EMPTY` where
 * there still is one.
 */
export async function startShardEmpty(place: ShardPlace, id: string): Promise<void> {
  const environment = openEnvironment(place.path, { readOnly: false })
  try {
    const { meta, journal } = environment
    if (meta.get('shard') !== undefined || !isEmpty(journal)) {
      const message = `${place.path} still holds a shard; move it away first, then its events can be brought back`
      throw new LimnError('ERR_STORAGE_NOT_EMPTY', message)
    }
    mark(environment, place, id)
  } finally {
    await environment.root.close()
  }
}

function readShardMeta(
  environment: Environment,
  place: ShardPlace,
  manifest: FoundManifest | null,
): ShardMeta | null {
  const where = `shard ${place.shard}, its description of itself`
  const remedy = restoreRemedy(place.shard)
  for (const key of environment.meta.getKeys()) {
    if (KEYS.has(key)) continue
    const message = `${where}: it has an entry ${JSON.stringify(key.slice(0, 40))} that nobody wrote; ${remedy}`
    throw new LimnError('ERR_STORAGE_CORRUPT', message)
  }
  const text = environment.meta.get('shard')
  if (text === undefined) return null
  const unsealed = manifest?.state !== 'ready'
  return unsealText(text, { schema: shardMetaSchema, where, remedy, unsealed })
}

/** A shard that was never marked is new, which it may be only while the directory is made. */
function refuseUnmarked(
  environment: Environment,
  place: ShardPlace,
  manifest: FoundManifest | null,
): void {
  const mayBeNew = manifest === null || manifest.state === 'creating'
  if (!mayBeNew || !isEmpty(environment.journal)) throw unmarked(place)
}

function refuseOther(
  stored: ShardMeta,
  { path, shard, shardCount }: ShardPlace,
  manifest: FoundManifest | null,
): void {
  if (stored.format !== STORAGE_FORMAT) {
    const message = `${path} has storage format ${stored.format}; this version reads ${STORAGE_FORMAT}`
    throw new LimnError('ERR_STORAGE_FORMAT', message)
  }
  if (stored.shard !== shard || stored.shardCount !== shardCount) {
    const message = `${path} is shard ${stored.shard} of ${stored.shardCount}, opened as ${shard} of ${shardCount}; set storage.shards to ${stored.shardCount}`
    throw new LimnError('ERR_STORAGE_SHARD_COUNT', message)
  }
  if (manifest === null || manifest.id === null || stored.id === manifest.id) return
  if (stored.id === undefined && manifest.state === 'adopting') return
  const of = stored.id === undefined ? 'of none' : `of ${stored.id}`
  const message = `${path} belongs to another data directory: it is a shard ${of}, ${dirname(path)} is ${manifest.id}; ${restoreRemedy(shard)}`
  throw new LimnError('ERR_STORAGE_FOREIGN', message)
}

function unmarked({ path, shard }: ShardPlace): LimnError {
  const message = `${path} is an empty or another database, no shard of ${dirname(path)}; ${restoreRemedy(shard)}`
  return new LimnError('ERR_STORAGE_FOREIGN', message)
}

/** One durable transaction; a checkpoint of before there were checksums gets one too. */
function mark(environment: Environment, place: ShardPlace, id: string | undefined): void {
  const { root, meta } = environment
  const { path, shard, shardCount } = place
  const mine: ShardMeta = {
    format: STORAGE_FORMAT,
    shard,
    shardCount,
    ...(id === undefined ? {} : { id }),
  }
  const checkpoint = readCheckpointMeta(environment, shard)
  try {
    root.transactionSync(() => {
      if (checkpoint !== null) meta.putSync('checkpoint', sealText(checkpoint))
      meta.putSync('shard', sealText(mine))
    })
  } catch (error) {
    throw storageFailure(path, 'cannot be written', error)
  }
}

function isEmpty(table: Environment['journal']): boolean {
  for (const _ of table.getKeys({ limit: 1 })) return false
  return true
}
