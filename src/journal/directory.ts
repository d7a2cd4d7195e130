import { closeSync, ftruncateSync, readFileSync, readdirSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import Type from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { makeDirectory } from '../files/durable-file.ts'
import { LimnError } from '../protocol/errors.ts'
import { isKernelLocked, takeKernelLock } from './kernel-lock.ts'
import {
  missingOf,
  newManifest,
  readManifest,
  restoreRemedy,
  shardPath,
  STORAGE_FORMAT,
  writeManifest,
} from './manifest.ts'
import type { FoundManifest, Manifest } from './manifest.ts'
import { shardDirectoryId } from './shard-meta.ts'
import { checkRoom, errnoOf, storageFailure } from './write-failure.ts'

const LockNote = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  host: Type.String({ maxLength: 256 }),
  address: Type.Union([Type.String({ maxLength: 512 }), Type.Null()]),
})
const lockNoteSchema = Compile(LockNote)

/**
 * Who says to hold a data directory. A process number is one of its host or container; all of it is
 * told to people and decides nothing.
 */
export type LockHolder = Static<typeof LockNote>

export interface DataDirectoryLock {
  /** Lets other commands find the server that has the directory open. */
  setAddress(address: string): void
  /** Every shard runs: from now on one that is missing is lost. To be called before any acknowledgement. */
  setReady(): void
  release(): void
}

/** For a holder whose note cannot be read. */
const UNKNOWN_HOLDER: LockHolder = { pid: 1, host: '', address: null }

/**
 * Takes a data directory for the life of this process, by a lock of the kernel on `<dir>/limn.lock`,
 * and checks that it is whole, or makes it. Throws `ERR_STORAGE_LOCKED` when another process has it,
 * `ERR_STORAGE_LOCK` where there are no locks, `ERR_STORAGE_SHARD_COUNT` when the data has another
 * count, `ERR_STORAGE_MISSING` when a shard is gone, `ERR_STORAGE_FORMAT` when its document is not
 * ours, `ERR_STORAGE_WRITE` when it cannot be written.
 */
export function lockDataDirectory(dir: string, options: { shardCount: number }): DataDirectoryLock {
  const held = holdDataDirectory(dir)
  try {
    let manifest = openManifest(dir, options.shardCount)
    return {
      setAddress: held.setAddress,
      setReady: () => {
        if (manifest.state === 'ready') return
        manifest = { ...manifest, state: 'ready' }
        writeManifest(dir, manifest)
      },
      release: held.release,
    }
  } catch (error) {
    held.release()
    throw error
  }
}

/** The lock alone, for a command that mends what is there. */
export function holdDataDirectory(dir: string): Omit<DataDirectoryLock, 'setReady'> {
  try {
    makeDirectory(dir)
  } catch (error) {
    throw storageFailure(dir, 'cannot be made', error)
  }
  const path = join(dir, 'limn.lock')
  const descriptor = takeKernelLock(path)
  if (descriptor === null) {
    const holder = readNote(path)
    const at = holder.address === null ? '' : ` and serves at ${holder.address}`
    const message = `${holderName(holder)} has ${dir} open${at}; stop it first`
    throw new LimnError('ERR_STORAGE_LOCKED', message)
  }
  const note = (address: string | null): void => {
    const text = JSON.stringify({ pid: process.pid, host: hostname(), address })
    writeNote(descriptor, text)
  }
  try {
    checkRoom(dir)
    note(null)
  } catch (error) {
    closeSync(descriptor)
    throw storageFailure(path, 'cannot be written', error)
  }
  let released = false
  return {
    setAddress: note,
    release: () => {
      if (released) return
      released = true
      closeSync(descriptor)
    },
  }
}

/** The process that holds a data directory, or null; the kernel is asked, not the note. */
export function readLock(dir: string): LockHolder | null {
  const path = join(dir, 'limn.lock')
  return isKernelLocked(path) ? readNote(path) : null
}

export function holderName({ pid, host }: LockHolder): string {
  return host === '' ? 'another process' : `process ${pid} on ${host}`
}

/** What there is, or the document of a directory that is new, on disk. */
function openManifest(dir: string, shardCount: number): Manifest {
  const found = readManifest(dir) ?? lostManifest(dir, shardCount)
  if (found === null) {
    const made = newManifest(shardCount, 'creating')
    writeManifest(dir, made)
    return made
  }
  if (found.shardCount !== shardCount) {
    const message = `${dir} has ${found.shardCount} shards and was opened with ${shardCount}; set storage.shards (LIMN_STORAGE_SHARDS) to ${found.shardCount}`
    throw new LimnError('ERR_STORAGE_SHARD_COUNT', message)
  }
  if (found.state !== 'creating') refuseMissing(dir, shardCount)
  if (found.id !== null) return found
  return adoptManifest(dir, shardCount)
}

/** Gives an id to a directory of before there were ids. */
export function adoptManifest(dir: string, shardCount: number): Manifest {
  const made = newManifest(shardCount, 'adopting')
  writeManifest(dir, made)
  return made
}

/**
 * The document that shards without one had: they say their number and whose they are. Null when there
 * are no shards.
 */
function lostManifest(dir: string, shardCount: number): FoundManifest | null {
  if (!readdirSync(dir).some((name) => /^shard-\d+$/.test(name))) return null
  refuseMissing(dir, shardCount)
  const ids = new Set<string | null>()
  for (let shard = 0; shard < shardCount; shard++) {
    ids.add(shardDirectoryId({ path: shardPath(dir, shard), shard, shardCount }))
  }
  const [id] = ids
  if (ids.size > 1 || id === undefined) {
    const message = `${dir} has no limn.json, and its shards are of several data directories: ${[...ids].map((found) => found ?? 'none').join(', ')}; restore all of it from one backup`
    throw new LimnError('ERR_STORAGE_FOREIGN', message)
  }
  if (id === null) return { id, shardCount, state: 'adopting' }
  const manifest: Manifest = { format: STORAGE_FORMAT, id, shardCount, state: 'ready' }
  writeManifest(dir, manifest)
  return manifest
}

function refuseMissing(dir: string, shardCount: number): void {
  const missing: string[] = []
  let first = -1
  for (let shard = 0; shard < shardCount; shard++) {
    const what = missingOf(shardPath(dir, shard))
    if (what === null) continue
    if (first < 0) first = shard
    missing.push(what)
  }
  if (first < 0) return
  const message = `${missing.join(', ')}, though ${dir} has ${shardCount} shards: acknowledged events are gone; ${restoreRemedy(first)}`
  throw new LimnError('ERR_STORAGE_MISSING', message)
}

function writeNote(descriptor: number, text: string): void {
  const bytes = new TextEncoder().encode(text)
  writeSync(descriptor, bytes, 0, bytes.length, 0)
  ftruncateSync(descriptor, bytes.length)
}

/** Written in place, as the locked file must not be replaced: a note that is cut off is none. */
function readNote(path: string): LockHolder {
  try {
    const note: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return lockNoteSchema.Check(note) ? note : UNKNOWN_HOLDER
  } catch (error) {
    if (error instanceof SyntaxError || errnoOf(error) !== '') return UNKNOWN_HOLDER
    throw error
  }
}
