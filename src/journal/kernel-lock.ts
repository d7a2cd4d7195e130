import { spawnSync } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import { LimnError } from '../protocol/errors.ts'
import { errnoOf, storageFailure } from './write-failure.ts'

/**
 * A lock that the kernel holds for an open file, not a file that says so: it ends with the process
 * that has the file open, however that ends, and does not ask whether a process number is alive, which
 * another container could not tell.
 *
 * Node has no call for it. On Linux `flock` (util-linux or BusyBox) inherits the descriptor and locks
 * the open file that it shares with this process, which keeps the lock when `flock` has ended; on
 * macOS and the BSDs `open` itself takes it. The lock is on the file and not on its name, so the file
 * is never removed or replaced. Descriptors are closed on exec: no child keeps the lock.
 */
export type LockMode = 'exclusive' | 'shared'

/** `O_SHLOCK` and `O_EXLOCK` of macOS and the BSDs, where `open` knows them. */
const OPEN_FLAGS = { shared: 0x10, exclusive: 0x20 } as const
const OPEN_LOCKS: readonly NodeJS.Platform[] = ['darwin', 'freebsd', 'openbsd', 'netbsd']

/** Whoever asks holds a shared lock for some milliseconds; who takes the lock outwaits that. */
const TRIES_MAX = 8
const RETRY_MS = 40

/** The descriptor that holds the lock until it is closed, or null while somebody else holds it. */
export function takeKernelLock(path: string): number | null {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (tries > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    const descriptor = lockOnce(path, 'exclusive')
    if (descriptor === null) continue
    // Somebody may have removed the file meanwhile: then the lock would be on no name.
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(descriptor).ino) {
      return descriptor
    }
    closeSync(descriptor)
  }
  return null
}

/** Whether some process holds the lock, on whatever side of a container's wall. */
export function isKernelLocked(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false
  const descriptor = lockOnce(path, 'shared')
  if (descriptor === null) return true
  closeSync(descriptor)
  return false
}

function lockOnce(path: string, mode: LockMode): number | null {
  const access = mode === 'shared' ? constants.O_RDONLY : constants.O_RDWR | constants.O_CREAT
  if (OPEN_LOCKS.includes(process.platform)) {
    return openFile(path, access | constants.O_NONBLOCK | OPEN_FLAGS[mode], mode)
  }
  const descriptor = openFile(path, access, mode)
  if (descriptor === null) return null
  try {
    if (flock(path, descriptor, mode)) return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  closeSync(descriptor)
  return null
}

function openFile(path: string, flags: number, mode: LockMode): number | null {
  try {
    return openSync(path, flags, 0o644)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EAGAIN') return null
    if (errno === 'ENOTSUP' || errno === 'EOPNOTSUPP')
      throw noLock(path, 'its file system has none')
    if (mode === 'exclusive') throw storageFailure(path, 'cannot be opened for writing', error)
    throw new LimnError('ERR_STORAGE_LOCK', `${path} cannot be read (${errno})`, { cause: error })
  }
}

/** False when another open file has the lock. */
function flock(path: string, descriptor: number, mode: LockMode): boolean {
  const { status, signal, error, stderr } = spawnSync(
    'flock',
    [mode === 'shared' ? '-sn' : '-xn', String(INHERITED)],
    { stdio: ['ignore', 'ignore', 'pipe', descriptor], encoding: 'utf8' },
  )
  if (status === 0) return true
  if (status === 1) return false
  if (errnoOf(error) === 'ENOENT') {
    throw noLock(path, 'the command flock is not there; install util-linux (or BusyBox)')
  }
  throw noLock(path, error?.message ?? `flock ended with ${signal ?? status}: ${stderr.trim()}`)
}

/** The fourth of the child's descriptors, after standard input, output and error. */
const INHERITED = 3

function noLock(path: string, reason: string): LimnError {
  return new LimnError(
    'ERR_STORAGE_LOCK',
    `${path} cannot be locked: ${reason}; without a lock two servers could write one data directory`,
  )
}
