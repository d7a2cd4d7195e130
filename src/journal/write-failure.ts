import { setTimeout as delay } from 'node:timers/promises'
import { LimnError } from '../protocol/errors.ts'
import type { Room } from './space.ts'

const CAUSE_WAIT_MS_MAX = 100
/** With less left than this a write that failed did so for want of room. */
const FREE_BYTES_MIN = 4 * 1_048_576

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

function roomNote({ path, diskFreeBytes }: Room): string {
  if (diskFreeBytes >= FREE_BYTES_MIN) return ''
  return `; the disk of ${path} is full: make room and start again, everything that was acknowledged is there`
}

/** LMDB's own error, which lmdb hands over as a promise on the error of the failed commit. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  const reported = Promise.resolve(error.commitError).catch((cause: unknown) => cause)
  return Promise.race([reported, delay(CAUSE_WAIT_MS_MAX, error)])
}
