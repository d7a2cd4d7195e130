import { statfsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { getSystemErrorName } from 'node:util'
import { LimnError } from '../protocol/errors.ts'
import type { Room } from './space.ts'

const CAUSE_WAIT_MS_MAX = 100
/** With less left than this a write that failed did so for want of room. */
const FREE_BYTES_MIN = 4 * 1_048_576
/** What a start writes at most before its first event: tables, locks and notes. */
const START_BYTES_MIN = 2 * 1_048_576

/** Above are none of the operating system's numbers of errors. */
const ERRNO_END = 200

/** What the operating system's reasons are about, for a person. */
const REASONS: Readonly<Record<string, string>> = {
  EROFS: 'its file system is mounted read-only; mount it for writing, or name another storage.dir',
  EACCES: 'this user has no permission; give it the directory, or name another storage.dir',
  EPERM: 'this user has no permission; give it the directory, or name another storage.dir',
  ENOSPC: 'the disk is full; make room and start again',
  EDQUOT: "this user's quota of the disk is used up; make room and start again",
  ENOTDIR: 'a part of the path is a file; name another storage.dir',
  EEXIST: 'it is a file; name another storage.dir',
  EMFILE: 'this process has too many files open; raise the limit (ulimit -n)',
  EIO: 'the disk reports an input or output error; check it',
}

/**
 * `ERR_STORAGE_WRITE` for a commit that failed, with LMDB's own reason. A disk without room is named
 * as such: LMDB reports the write that was cut short as an I/O error.
 */
export async function writeFailure(
  at: { readonly shard: number; readonly room: Room },
  what: string,
  error: unknown,
): Promise<LimnError> {
  const cause = await causeOf(error)
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `shard ${at.shard} cannot write its ${what}: ${reason}${roomNote(at.room)}`
  return new LimnError('ERR_STORAGE_WRITE', message, { cause })
}

/**
 * `ERR_STORAGE_WRITE` for a file or directory that cannot be made or written, with why; an error that
 * neither the operating system nor LMDB made is returned as it is.
 */
export function storageFailure(path: string, what: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error instanceof LimnError) return error
  const errno = errnoOf(error)
  const reason = REASONS[errno] ?? error.message
  const message = `${path} ${what}: ${reason}${errno === '' ? '' : ` (${errno})`}`
  return new LimnError('ERR_STORAGE_WRITE', message, { cause: error })
}

/**
 * Refuses to go on where a start could not write what it must: LMDB maps a file of locks, and a page
 * of it that finds no room ends the process with a signal.
 */
export function checkRoom(path: string): void {
  const free = freeBytes(path)
  if (free >= START_BYTES_MIN) return
  const message = `the disk of ${path} is full: ${free} bytes are free and a start needs ${START_BYTES_MIN}; make room and start again, everything that was acknowledged is there`
  throw new LimnError('ERR_STORAGE_WRITE', message)
}

/** The operating system's name of an error (`ENOSPC`), or ''. LMDB gives its number. */
export function errnoOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return ''
  const { code } = error
  if (typeof code !== 'number') return String(code)
  return code > 0 && code < ERRNO_END ? getSystemErrorName(-code) : ''
}

/** Whether an error is one of the operating system that says why a directory cannot be written. */
export function isSystemFailure(error: unknown): boolean {
  return errnoOf(error) in REASONS
}

function roomNote({ path, diskFreeBytes }: Room): string {
  if (diskFreeBytes >= FREE_BYTES_MIN) return ''
  return `; the disk of ${path} is full: make room and start again, everything that was acknowledged is there`
}

/** What this user may still write; without bounds where the file system does not say. */
function freeBytes(path: string): number {
  const { blocks, bavail, bsize } = statfsSync(path)
  return blocks === 0 ? Infinity : bavail * bsize
}

/** LMDB's own error, which lmdb hands over as a promise on the error of the failed commit. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  const reported = Promise.resolve(error.commitError).catch((cause: unknown) => cause)
  return Promise.race([reported, delay(CAUSE_WAIT_MS_MAX, error)])
}
