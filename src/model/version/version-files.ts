import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { LimnError } from '../../protocol/errors.ts'

export const MANIFEST = 'manifest.json'

export const WEIGHTS = 'weights.bin'

const NO_MANIFEST = 'is not a model manifest'

/** What the registry itself says of a version, whatever kind it is. */
export interface VersionFacts {
  readonly version: number
  readonly createdAt: string
  readonly weights: { readonly bytes: number; readonly crc32: number }
}

/**
 * Reads a version's manifest, whatever kind it is, and its weights, which are checked.
 * @throws LimnError ERR_MODEL_UNKNOWN, ERR_MODEL_CORRUPT
 */
export async function readVersionFiles(
  directory: string,
): Promise<{ manifest: VersionFacts; bytes: Uint8Array }> {
  const manifest = (await readManifestText(directory)) as VersionFacts
  const path = join(directory, WEIGHTS)
  const weights = manifest.weights as Partial<VersionFacts['weights']> | undefined
  if (typeof weights?.crc32 !== 'number') throw corrupt(join(directory, MANIFEST), NO_MANIFEST)
  const bytes = await readFile(path).catch((error: unknown) => {
    throw corrupt(path, 'cannot be read', error)
  })
  if (bytes.length !== weights.bytes || crc32(bytes) !== weights.crc32) {
    throw corrupt(path, 'does not match the checksum in its manifest')
  }
  return { manifest, bytes }
}

async function readManifestText(directory: string): Promise<unknown> {
  const path = join(directory, MANIFEST)
  const text = await readOptional(path)
  if (text === null) {
    throw new LimnError('ERR_MODEL_UNKNOWN', `there is no model version at ${directory}`)
  }
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw corrupt(path, NO_MANIFEST, error)
  }
}

export async function readOptional(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw corrupt(path, `cannot be read: ${reason(error)}`, error)
  }
}

export function corrupt(path: string, what: string, cause?: unknown): LimnError {
  return new LimnError('ERR_MODEL_CORRUPT', `${path} ${what}`, { cause })
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
