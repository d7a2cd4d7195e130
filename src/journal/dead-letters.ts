import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openEnvironment } from './environment.ts'
import type { Environment } from './environment.ts'

/** A rejected event with the reason, as it came. */
export interface DeadLetter {
  readonly code: string
  readonly reason: string
  readonly receivedAt: number
  readonly route: string
  /** JSON text of the item, or the body's text (cut) when the whole body was refused. */
  readonly original: string
}

export interface StoredDeadLetter extends DeadLetter {
  readonly id: number
}

/**
 * Dead letters of a shard, at most `max`; the oldest go first and are counted in `dropped`.
 * Ids ascend. What it counts includes letters that are not committed yet.
 */
export class DeadLetters {
  /** Since this store was opened. */
  dropped = 0
  private readonly environment: Environment
  private readonly max: number
  private readonly kept: Set<number>
  /** Ascending; all of `kept` from `head` on, and ids that were removed since. */
  private queue: number[]
  private head = 0
  private nextId: number

  constructor(environment: Environment, max: number) {
    this.environment = environment
    this.max = max
    this.queue = [...environment.deadLetters.getKeys()]
    this.kept = new Set(this.queue)
    this.nextId = (this.queue.at(-1) ?? -1) + 1
  }

  get count(): number {
    return this.kept.size
  }

  /** Durable no later than the block that is appended next. */
  put(letter: DeadLetter): void {
    if (this.max === 0) return
    const id = this.nextId++
    this.queue.push(id)
    this.kept.add(id)
    const bytes = new TextEncoder().encode(JSON.stringify(letter))
    this.environment.deadLetters.put(id, bytes).catch(() => undefined)
    while (this.kept.size > this.max) this.dropOldest()
    if (this.head <= this.max) return
    this.queue = this.queue.slice(this.head)
    this.head = 0
  }

  /** Removes a letter; one that is gone already is passed over. */
  async remove(id: number): Promise<void> {
    if (!this.kept.delete(id)) return
    await this.environment.deadLetters.remove(id)
  }

  private dropOldest(): void {
    const id = this.queue[this.head++]
    if (!this.kept.delete(id)) return
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
    found.push({ id: key, ...(JSON.parse(new TextDecoder().decode(value)) as DeadLetter) })
  }
  void environment.root.close()
  return found
}
