import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LimnError } from '../protocol/errors.ts'

export interface LockHolder {
  readonly pid: number
  /** When the process started, in clock ticks since boot (Linux), or ''. Tells a reused pid. */
  readonly startedAt: string
  readonly address: string | null
}

export interface DataDirectoryLock {
  /** Lets other commands find the server that has the directory open. */
  setAddress(address: string): void
  release(): void
}

/**
 * Takes a data directory for this process: `<dir>/limn.lock` names the holder, `<dir>/limn.json` the
 * shard count. Throws `ERR_STORAGE_LOCKED` when a living process holds it, `ERR_STORAGE_SHARD_COUNT`
 * when the data has another count. The lock of a process that is gone is taken over.
 */
export function lockDataDirectory(dir: string, options: { shardCount: number }): DataDirectoryLock {
  mkdirSync(dir, { recursive: true })
  const path = join(dir, 'limn.lock')
  const holder = readLock(dir)
  if (holder !== null && holder.pid !== process.pid) {
    const at = holder.address === null ? '' : ` and serves at ${holder.address}`
    throw new LimnError(
      'ERR_STORAGE_LOCKED',
      `process ${holder.pid} has ${dir} open${at}; stop it first`,
    )
  }
  rmSync(path, { force: true })
  const mine = {
    pid: process.pid,
    startedAt: processStat(process.pid).startedAt,
    address: null as string | null,
  }
  try {
    writeFileSync(path, JSON.stringify(mine), { flag: 'wx' })
  } catch (error) {
    throw new LimnError('ERR_STORAGE_LOCKED', `another process is just opening ${dir}`, {
      cause: error,
    })
  }
  checkShardCount(dir, options.shardCount, path)
  return {
    setAddress: (address) => {
      mine.address = address
      replaceFile(path, JSON.stringify(mine))
    },
    release: () => rmSync(path, { force: true }),
  }
}

/** The living process that holds a data directory, or null. */
export function readLock(dir: string): LockHolder | null {
  const path = join(dir, 'limn.lock')
  if (!existsSync(path)) return null
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as LockHolder
    return isAlive(holder) ? holder : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** What `<dir>/limn.json` says, or null when the directory is not a data directory yet. */
export function readDataDirectory(dir: string): { shardCount: number } | null {
  const path = join(dir, 'limn.json')
  if (!existsSync(path)) return null
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { shardCount: number }
  } catch (error) {
    const message = `${path} is not JSON; it should read {"format":1,"shardCount":n}`
    throw new LimnError('ERR_STORAGE_FORMAT', message, { cause: error })
  }
}

function checkShardCount(dir: string, shardCount: number, lockPath: string): void {
  try {
    const stored = readDataDirectory(dir)
    if (stored === null) {
      replaceFile(join(dir, 'limn.json'), JSON.stringify({ format: 1, shardCount }))
    } else if (stored.shardCount !== shardCount) {
      const message = `${dir} has ${stored.shardCount} shards and was opened with ${shardCount}; set storage.shards (LIMN_STORAGE_SHARDS) to ${stored.shardCount}`
      throw new LimnError('ERR_STORAGE_SHARD_COUNT', message)
    }
  } catch (error) {
    rmSync(lockPath, { force: true })
    throw error
  }
}

function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, text)
  renameSync(temporary, path)
}

function isAlive(holder: LockHolder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') return true
    return false
  }
  const { state, startedAt } = processStat(holder.pid)
  // A killed process whose parent has not noticed is a zombie: gone, though its number is taken.
  return state !== 'Z' && (holder.startedAt === '' || startedAt === holder.startedAt)
}

/** State and start time (clock ticks since boot) of a process, from Linux's /proc; '' elsewhere. */
function processStat(pid: number): { state: string; startedAt: string } {
  const path = `/proc/${pid}/stat`
  if (!existsSync(path)) return { state: '', startedAt: '' }
  const fields = readFileSync(path, 'utf8').split(') ')[1]?.split(' ') ?? []
  return { state: fields[0] ?? '', startedAt: fields[19] ?? '' }
}
