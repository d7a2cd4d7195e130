import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Feature } from '../../profile/feature-vector.ts'
import { LimnError } from '../../protocol/errors.ts'
import type { LabelBalance } from './label-balance.ts'

export const MANIFEST = 'manifest.json'
const FORMAT = 'limn-dataset'
const VERSION = 1

/** What is predicted: classes by their texts, or none where the label is a value. */
export interface DatasetLabel {
  readonly task: 'binary' | 'multiclass' | 'regression' | 'count'
  /** In order of their indices; for `binary` the positive one is the second; empty for values. */
  readonly classes: readonly string[]
}

/** What the replay that made the rows says of itself. */
export interface DatasetFacts {
  /** Per shard, the sequence after the last record read. */
  readonly positions: readonly { readonly shard: number; readonly next: number }[]
  /** First and last arrival of an event in the data, ms since 1970; null where there is none. */
  readonly from: number | null
  readonly to: number | null
  readonly records: number
  /** Rows left out because their time to come ends after the data. */
  readonly censored: number
  /** Rows left out because the target says nothing of them. */
  readonly unlabelled: number
  /** Events that are no rows because the plan excludes them. */
  readonly excluded: number
  /** Events after which no row was taken because the profile had seen one that arrived later. */
  readonly late: number
}

export interface DatasetFile {
  readonly name: string
  readonly rows: number
  readonly bytes: number
  /** SHA-256 of the file, hexadecimal. */
  readonly sha256: string
}

/** What a dataset is: what its rows are of, how they were made, and the files that hold them. */
export interface DatasetManifest extends DatasetFacts {
  readonly format: typeof FORMAT
  readonly version: typeof VERSION
  readonly model: string
  readonly createdAt: string
  /** Of the definitions that the features come from. */
  readonly schemaHash: string
  readonly features: readonly Feature[]
  /** What is predicted, in words. */
  readonly target: string
  /** What rows and labels were made by, as JSON. */
  readonly plan: unknown
  readonly label: DatasetLabel
  readonly rows: number
  readonly balance: LabelBalance
  readonly files: readonly DatasetFile[]
}

export function describeManifest(
  rest: Omit<DatasetManifest, 'format' | 'version'>,
): DatasetManifest {
  return { format: FORMAT, version: VERSION, ...rest }
}

/** As JSON, with a checksum of itself at the end. */
export function encodeManifest(manifest: DatasetManifest): string {
  return `${JSON.stringify({ ...manifest, sha256: checksumOf(manifest) }, null, 2)}\n`
}

/** @throws LimnError ERR_DATASET_UNKNOWN (no dataset there), ERR_DATASET_CORRUPT (damaged) */
export async function readManifest(directory: string): Promise<DatasetManifest> {
  const path = join(directory, MANIFEST)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const message = `there is no dataset at ${directory}: it has no ${MANIFEST} that can be read`
    throw new LimnError('ERR_DATASET_UNKNOWN', message, { cause: error })
  })
  const { sha256, ...manifest } = parse(path, text)
  if (manifest.format !== FORMAT) throw corrupt(path, 'is not the manifest of a dataset')
  if (sha256 !== checksumOf(manifest)) throw corrupt(path, 'does not match its own checksum')
  if (manifest.version !== VERSION) {
    const found = String(manifest.version)
    throw corrupt(path, `has version ${found} of the format; version ${VERSION} is read`)
  }
  return manifest
}

/** Whether a directory's manifest says that it is a dataset, damaged or not. */
export async function isDataset(directory: string): Promise<boolean> {
  const path = join(directory, MANIFEST)
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.includes(`"${FORMAT}"`)
}

export function corrupt(path: string, what: string, cause?: unknown): LimnError {
  return new LimnError('ERR_DATASET_CORRUPT', `${path} ${what}`, { cause })
}

function parse(path: string, text: string): DatasetManifest & { sha256?: unknown } {
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null) {
      return value as DatasetManifest & { sha256?: unknown }
    }
  } catch (error) {
    throw corrupt(path, 'is not JSON', error)
  }
  throw corrupt(path, 'is not the manifest of a dataset')
}

function checksumOf(manifest: unknown): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex')
}
