import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { LimnError } from '../protocol/errors.ts'
import { openEnvironment } from './environment.ts'
import type { Environment } from './environment.ts'
import type { Room } from './space.ts'

/** A rejected event with the reason, as it came. */
export interface DeadLetter {
  readonly code: string
  readonly reason: string
  readonly receivedAt: number
  readonly route: string
  /** JSON text of the item, or the body's text (cut) when the whole body was refused. */
  readonly original: string
}

const deadLetterSchema = Compile(
  Type.Object({
    code: Type.String(),
    reason: Type.String(),
    receivedAt: Type.Number(),
    route: Type.String(),
    original: Type.String(),
  }),
)

export interface StoredDeadLetter extends DeadLetter {
  readonly id: number
}

export interface DeadLetterLimits {
  /** Letters; 0 keeps none. */
  readonly max: number
  /** Their bytes as stored; one that is larger by itself is not kept. */
  readonly bytesMax: number
}

/** What a put writes beside its letter: it shares the transaction of others. */
const BESIDE_BYTES = 8 * 1024

/**
 * Dead letters of a shard, bounded in number and bytes; the oldest go first and are counted in
 * `dropped`. Ids ascend. What it counts includes letters that are not committed yet.
 */
export class DeadLetters {
  /** Since this store was opened. */
  dropped = 0
  bytes = 0
  private readonly environment: Environment
  private readonly space: Room
  private readonly limits: DeadLetterLimits
  /** Id → bytes. */
  private readonly kept = new Map<number, number>()
  /** Ascending; all of `kept` from `head` on, and ids that were removed since. */
  private queue: number[] = []
  private head = 0
  private nextId: number

  /** Counts what is stored (only a writer needs to), and drops what is over limits now lower. */
  constructor(environment: Environment, space: Room, limits: DeadLetterLimits) {
    this.environment = environment
    this.space = space
    this.limits = limits
    const stored = space.readOnly ? [] : environment.deadLetters.getRange()
    for (const { key, value } of stored) this.keep(key, value.byteLength)
    this.nextId = (this.queue.at(-1) ?? -1) + 1
    this.dropOver()
  }

  get count(): number {
    return this.kept.size
  }

  /** Durable no later than the block that is appended next. Throws `ERR_STORAGE_FULL`. */
  put(letter: DeadLetter): void {
    const bytes = new TextEncoder().encode(JSON.stringify(letter))
    if (this.limits.max === 0 || bytes.length > this.limits.bytesMax) {
      this.dropped++
      return
    }
    const claimed = this.space.claim(bytes.length, BESIDE_BYTES)
    const id = this.nextId++
    this.keep(id, bytes.length)
    const release = (): void => this.space.release(claimed)
    this.environment.deadLetters.put(id, bytes).then(release, release)
    this.dropOver()
  }

  /** Removes a letter; one that is gone already is passed over. */
  async remove(id: number): Promise<void> {
    if (!this.forget(id)) return
    await this.environment.deadLetters.remove(id)
  }

  private keep(id: number, bytes: number): void {
    this.queue.push(id)
    this.kept.set(id, bytes)
    this.bytes += bytes
  }

  private forget(id: number): boolean {
    this.bytes -= this.kept.get(id) ?? 0
    return this.kept.delete(id)
  }

  private dropOver(): void {
    const { max, bytesMax } = this.limits
    while (this.kept.size > max || this.bytes > bytesMax) this.dropOldest()
    if (this.head <= this.kept.size) return
    this.queue = this.queue.slice(this.head)
    this.head = 0
  }

  private dropOldest(): void {
    const id = this.queue[this.head++]
    if (!this.forget(id)) return
    this.dropped++
    this.environment.deadLetters.remove(id).catch(() => undefined)
  }
}

/** Reads a shard's dead letters, newest first, also while a server has it open. */
export function openDeadLetters(path: string, options: { limit: number }): StoredDeadLetter[] {
  if (!existsSync(join(path, 'data.mdb'))) return []
  const environment = openEnvironment(path, { readOnly: true })
  const found: StoredDeadLetter[] = []
  for (const { key, value } of environment.deadLetters.getRange({
    reverse: true,
    limit: options.limit,
  })) {
    found.push({ id: key, ...deadLetterOf(value, `${path}, dead letter ${key}`) })
  }
  void environment.root.close()
  return found
}

/** Reads a stored letter; throws `ERR_STORAGE_CORRUPT` for one that is damaged. */
export function deadLetterOf(value: Uint8Array, where: string): DeadLetter {
  let letter: unknown
  try {
    letter = JSON.parse(new TextDecoder().decode(value))
  } catch (error) {
    throw new LimnError('ERR_STORAGE_CORRUPT', `${where}: it is not JSON`, { cause: error })
  }
  if (deadLetterSchema.Check(letter)) return letter
  const [first] = deadLetterSchema.Errors(letter)
  const fault = `${first?.instancePath ?? ''} ${first?.message ?? ''}`
  throw new LimnError('ERR_STORAGE_CORRUPT', `${where}: it is not what was written: ${fault}`)
}
