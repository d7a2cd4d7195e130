import { randomUUID } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Type from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { replaceFile } from '../files/durable-file.ts'
import { LimnError } from '../protocol/errors.ts'
import { errnoOf, storageFailure } from './write-failure.ts'

export const STORAGE_FORMAT = 1
const FILE = 'limn.json'
const SHARDS_MAX = 1024
const SHOWN_CHARS = 120

/**
 * `<dir>/limn.json`: what a data directory is. The id is also in each of its shards, so that a shard
 * of another directory is told. The state tells a first start that was cut short from loss:
 *
 * | state | shards may be | who goes on to the next |
 * |---|---|---|
 * | `creating` | missing, empty, or with this id | a start whose shards all run |
 * | `adopting` | with this id or, of before there were ids, with none | the same |
 * | `ready` | with this id | |
 *
 * Nothing is acknowledged before the state is `ready` on disk; from then on a shard that is missing
 * or empty has lost events. A document of before there were ids is taken once, as `adopting`.
 */
const Manifest = Type.Object(
  {
    format: Type.Literal(STORAGE_FORMAT),
    id: Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }),
    shardCount: Type.Integer({ minimum: 1, maximum: SHARDS_MAX }),
    state: Type.Union([Type.Literal('creating'), Type.Literal('adopting'), Type.Literal('ready')]),
  },
  { additionalProperties: false },
)
const OldManifest = Type.Object(
  {
    format: Type.Literal(STORAGE_FORMAT),
    shardCount: Type.Integer({ minimum: 1, maximum: SHARDS_MAX }),
  },
  { additionalProperties: false },
)

export type Manifest = Static<typeof Manifest>

/** A document as found; one of before there were ids has id null. */
export type FoundManifest =
  | Manifest
  | { readonly id: null; readonly shardCount: number; readonly state: 'adopting' }

const manifestSchema = Compile(Manifest)
const oldManifestSchema = Compile(OldManifest)

/** The document, or null when there is none. Throws `ERR_STORAGE_FORMAT` for one that is not ours. */
export function readManifest(dir: string): FoundManifest | null {
  const path = join(dir, FILE)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null
    throw storageFailure(path, 'cannot be read', error)
  }
  return parseManifest(path, text)
}

export function writeManifest(dir: string, manifest: Manifest): void {
  const path = join(dir, FILE)
  try {
    replaceFile(path, JSON.stringify(manifest))
  } catch (error) {
    throw storageFailure(path, 'cannot be written', error)
  }
}

export function newManifest(shardCount: number, state: Manifest['state']): Manifest {
  return { format: STORAGE_FORMAT, id: randomUUID(), shardCount, state }
}

export function shardPath(dir: string, shard: number): string {
  return join(dir, `shard-${shard}`)
}

/** What is missing of a shard, by name, or null where there is a data file. */
export function missingOf(path: string): string | null {
  const file = join(path, 'data.mdb')
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return `${path} is missing`
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (size === undefined) return `${file} is missing`
  return size === 0 ? `${file} is empty` : null
}

/** What to do about a shard that is lost. */
export function restoreRemedy(shard: number): string {
  return `restore shard ${shard} from a backup, or, to go on without its events, move what is left of its directory away and run "limn check --start-empty ${shard}"`
}

function parseManifest(path: string, text: string): FoundManifest {
  const found = text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text
  const expected = `{"format":${STORAGE_FORMAT},"id":"…","shardCount":n,"state":"ready"}`
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const message = `${path} is not JSON but ${JSON.stringify(found)}; it should read ${expected}; restore it from a backup`
    throw new LimnError('ERR_STORAGE_FORMAT', message, { cause: error })
  }
  if (manifestSchema.Check(value)) return value
  if (oldManifestSchema.Check(value)) {
    return { id: null, shardCount: value.shardCount, state: 'adopting' }
  }
  const [first] = manifestSchema.Errors(value)
  const fault = `${first?.instancePath ?? ''} ${first?.message ?? ''}`.trim()
  const message = `${path} is not a document of a data directory of format ${STORAGE_FORMAT}: ${fault}; it has ${found} and should read ${expected}; use the version that wrote it, or restore it from a backup`
  throw new LimnError('ERR_STORAGE_FORMAT', message)
}
