import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, writeFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { syncDirectory } from '../files/durable-file.ts'
import { LimnError } from '../protocol/errors.ts'
import {
  MANIFEST,
  WEIGHTS,
  type VersionFacts,
  readVersionFiles,
  readOptional,
  corrupt,
  codeOf,
  reason,
} from './version/version-files.ts'

const LIVE = 'live.json'
const NAME = /^[a-z][a-z0-9_-]{0,63}$/

export interface ModelListing {
  readonly name: string
  readonly live: number | null
  readonly versions: readonly number[]
}

interface LiveState {
  readonly live: number | null
  /** Versions that were live before, newest last. */
  readonly previous: readonly number[]
}

const NOTHING_LIVE: LiveState = { live: null, previous: [] }
const PREVIOUS_MAX = 32
const DRAFT = /^\.(?:draft|live)-(\d+)-/
/** A draft that is this old was left by a process that was killed. */
const DRAFT_AGE_MAX_MS = 3_600_000

/**
 * Model versions on disk: `<directory>/<name>/<version>/{manifest.json, weights.bin}` and
 * `<directory>/<name>/live.json`.
 *
 * A version directory appears by one rename, complete, and is never changed; `live.json` is
 * replaced by one rename. So a failed or interrupted save leaves what serves untouched, and
 * readers in other threads need no lock. Processes that save at once get different versions; of those
 * that promote at once the last one's is live.
 */
export class ModelRegistry {
  private readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  async list(): Promise<ModelListing[]> {
    const names = (await entries(this.directory)).filter((name) => NAME.test(name)).sort()
    return Promise.all(
      names.map(async (name) => {
        const [versions, state] = await Promise.all([this.versions(name), this.state(name)])
        return { name, live: state.live, versions }
      }),
    )
  }

  /** Ascending. */
  async versions(name: string): Promise<number[]> {
    const names = await entries(join(this.directory, checkModelName(name)))
    return names
      .filter((entry) => /^[1-9]\d*$/.test(entry))
      .map(Number)
      .sort((a, b) => a - b)
  }

  async liveVersion(name: string): Promise<number | null> {
    return (await this.state(name)).live
  }

  directoryOf(name: string, version: number): string {
    return join(this.directory, checkModelName(name), String(version))
  }

  /** @throws LimnError ERR_MODEL_UNKNOWN, ERR_MODEL_CORRUPT */
  async show(name: string, version: number): Promise<VersionFacts> {
    return (await readVersionFiles(this.directoryOf(name, version))).manifest
  }

  /**
   * Saves a manifest, weights and perhaps other files as a new version; it is not live yet.
   * @throws LimnError ERR_MODEL_SAVE, ERR_MODEL_NAME
   */
  async save<Manifest extends object>(
    name: string,
    weights: Uint8Array,
    manifestOf: (made: VersionFacts) => Manifest,
    others: Readonly<Record<string, (manifest: Manifest) => string>> = {},
  ): Promise<Manifest> {
    const parent = join(this.directory, checkModelName(name))
    const draft = join(parent, `.draft-${process.pid}-${randomUUID()}`)
    try {
      await mkdir(draft, { recursive: true })
      await this.removeDrafts(name, 'old')
      await writeDurably(join(draft, WEIGHTS), weights)
      for (;;) {
        const number = Math.max(0, ...(await this.versions(name))) + 1
        const manifest = manifestOf({
          version: number,
          createdAt: new Date().toISOString(),
          weights: { bytes: weights.length, crc32: crc32(weights) },
        })
        await writeDurably(join(draft, MANIFEST), JSON.stringify(manifest, null, 2))
        for (const [file, textOf] of Object.entries(others)) {
          await writeDurably(join(draft, file), textOf(manifest))
        }
        await syncDirectory(draft)
        if (!(await renameIfFree(draft, join(parent, String(number))))) continue
        await syncDirectory(parent)
        return manifest
      }
    } catch (error) {
      await discard(draft)
      throw notSaved(`model ${name} was not saved`, error)
    }
  }

  /**
   * Removes drafts of saves that never ended: those that a killed process left (`old`), or this
   * process's (`own`), once none of its threads saves any more.
   */
  async removeDrafts(name: string, which: 'old' | 'own'): Promise<void> {
    const parent = join(this.directory, checkModelName(name))
    for (const entry of await entries(parent)) {
      const pid = DRAFT.exec(entry)?.[1]
      if (pid === undefined) continue
      const path = join(parent, entry)
      const isMeant = which === 'own' ? Number(pid) === process.pid : await isOld(path)
      if (isMeant) await rm(path, { recursive: true, force: true, maxRetries: 3 })
    }
  }

  /**
   * Makes a version live, after reading it whole. A damaged `live.json` is replaced: what was live
   * before is then not known any more.
   * @throws LimnError ERR_MODEL_UNKNOWN, ERR_MODEL_CORRUPT, ERR_MODEL_SAVE
   */
  async promote(name: string, version: number): Promise<void> {
    await readVersionFiles(this.directoryOf(name, version))
    const state = await this.state(name).catch((error: unknown): LiveState => {
      if (error instanceof LimnError && error.code === 'ERR_MODEL_CORRUPT') return NOTHING_LIVE
      throw error
    })
    if (state.live === version) return
    const previous = state.live === null ? state.previous : [...state.previous, state.live]
    await this.writeState(name, { live: version, previous: previous.slice(-PREVIOUS_MAX) })
  }

  /** Makes the version live that was live before, and returns it. */
  async rollback(name: string): Promise<number> {
    const { previous } = await this.state(name)
    const version = previous.at(-1)
    if (version === undefined) {
      throw new LimnError('ERR_MODEL_NO_PREVIOUS', `model ${name} has no version to go back to`)
    }
    await readVersionFiles(this.directoryOf(name, version))
    await this.writeState(name, { live: version, previous: previous.slice(0, -1) })
    return version
  }

  /** Deletes a version that is not live. */
  async retire(name: string, version: number): Promise<void> {
    const state = await this.state(name)
    if (state.live === version) {
      throw new LimnError('ERR_MODEL_LIVE', `version ${version} of model ${name} is live`)
    }
    await readVersionFiles(this.directoryOf(name, version))
    const previous = state.previous.filter((other) => other !== version)
    if (previous.length < state.previous.length) {
      await this.writeState(name, { live: state.live, previous })
    }
    await rm(this.directoryOf(name, version), { recursive: true })
  }

  private async state(name: string): Promise<LiveState> {
    const path = join(this.directory, checkModelName(name), LIVE)
    const text = await readOptional(path)
    if (text === null) return NOTHING_LIVE
    try {
      const { live, previous } = JSON.parse(text) as LiveState
      if ((live !== null && !Number.isInteger(live)) || !Array.isArray(previous))
        throw new Error(text)
      return { live, previous }
    } catch (error) {
      throw corrupt(path, 'is not what was written', error)
    }
  }

  private async writeState(name: string, state: LiveState): Promise<void> {
    const parent = join(this.directory, name)
    const draft = join(parent, `.live-${process.pid}-${randomUUID()}`)
    try {
      await writeDurably(draft, JSON.stringify(state))
      await rename(draft, join(parent, LIVE))
      await syncDirectory(parent)
    } catch (error) {
      await discard(draft)
      throw notSaved(`version ${state.live} of model ${name} was not made live`, error)
    }
  }
}

/** A draft that cannot be removed now is removed once it is old; what failed before is told. */
async function discard(draft: string): Promise<void> {
  await rm(draft, { recursive: true, force: true }).catch(() => undefined)
}

async function isOld(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > DRAFT_AGE_MAX_MS
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

function notSaved(what: string, cause: unknown): LimnError {
  if (cause instanceof LimnError) return cause
  const options = { cause, retryable: true }
  return new LimnError('ERR_MODEL_SAVE', `${what}: ${reason(cause)}`, options)
}

async function writeDurably(path: string, data: string | Uint8Array): Promise<void> {
  const file = await open(path, 'w')
  try {
    await writeFile(file, data)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A directory cannot be renamed over one that has files: then the version was taken meanwhile. */
async function renameIfFree(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) return false
    throw error
  }
}

async function entries(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/**
 * The name of a model, as it is.
 * @throws LimnError ERR_MODEL_NAME
 */
export function checkModelName(name: string): string {
  if (NAME.test(name)) return name
  throw new LimnError(
    'ERR_MODEL_NAME',
    `"${name.slice(0, 80)}" is not a model name (a-z, 0-9, _, -)`,
  )
}
