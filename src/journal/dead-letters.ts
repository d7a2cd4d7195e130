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

/** Dead letters of a shard, at most `max`; the oldest go first. */
export class DeadLetters {
  count = 0
  private readonly environment: Environment
  private readonly max: number
  private nextId = 0

  constructor(environment: Environment, max: number) {
    this.environment = environment
    this.max = max
    this.count = environment.deadLetters.getKeysCount()
    for (const key of environment.deadLetters.getKeys({ reverse: true, limit: 1 })) this.nextId = key + 1
  }

  /** Durable no later than the block that is appended next. */
  put(letter: DeadLetter): void {
    if (this.max === 0) return
    const { deadLetters } = this.environment
    deadLetters.put(this.nextId++, new TextEncoder().encode(JSON.stringify(letter))).catch(() => undefined)
    this.count++
    if (this.count <= this.max) return
    for (const key of deadLetters.getKeys({ limit: this.count - this.max })) {
      deadLetters.remove(key).catch(() => undefined)
      this.count--
    }
  }

  async remove(id: number): Promise<void> {
    if (await this.environment.deadLetters.remove(id)) this.count--
  }
}

/** Reads a shard's dead letters, newest first, also while a server has it open. */
export function openDeadLetters(path: string, options: { limit: number }): StoredDeadLetter[] {
  if (!existsSync(join(path, 'data.mdb'))) return []
  const environment = openEnvironment(path, { readOnly: true })
  const found: StoredDeadLetter[] = []
  for (const { key, value } of environment.deadLetters.getRange({ reverse: true, limit: options.limit })) {
    found.push({ id: key, ...(JSON.parse(new TextDecoder().decode(value)) as DeadLetter) })
  }
  environment.root.close()
  return found
}
