import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockDataDirectory, readLock } from '../../src/journal/directory.ts'
import { withDirectory } from './records.ts'

const lockFile = (dir: string): string => join(dir, 'limn.lock')

test('a living process is refused with its pid and address, a dead one taken over', () =>
  withDirectory(async (dir) => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    const startedAt = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ')[19]
    const holder = { pid: child.pid, startedAt, address: 'http://127.0.0.1:9' }
    writeFileSync(lockFile(dir), JSON.stringify(holder))
    expect(() => lockDataDirectory(dir, { shardCount: 2 })).toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_LOCKED',
        message: expect.stringContaining(`process ${child.pid}`),
      }),
    )
    // The same pid, started at another time, is another process.
    writeFileSync(lockFile(dir), JSON.stringify({ ...holder, startedAt: '1' }))
    expect(readLock(dir)).toBeNull()
    writeFileSync(lockFile(dir), JSON.stringify(holder))
    child.kill('SIGKILL')
    await once(child, 'close')
    const lock = lockDataDirectory(dir, { shardCount: 2 })
    lock.setAddress('http://127.0.0.1:8')
    expect(readLock(dir)).toMatchObject({ pid: process.pid, address: 'http://127.0.0.1:8' })
    lock.release()
    expect(readLock(dir)).toBeNull()
  }))

test('another shard count is refused with both counts, and the lock is given back', () =>
  withDirectory(async (dir) => {
    lockDataDirectory(dir, { shardCount: 2 }).release()
    expect(() => lockDataDirectory(dir, { shardCount: 8 })).toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_SHARD_COUNT',
        message: expect.stringMatching(/2 shards.*with 8/),
      }),
    )
    expect(readLock(dir)).toBeNull()
    writeFileSync(join(dir, 'limn.json'), 'not json')
    expect(() => lockDataDirectory(dir, { shardCount: 2 })).toThrow(
      expect.objectContaining({ code: 'ERR_STORAGE_FORMAT' }),
    )
  }))
