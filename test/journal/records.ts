import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRecordFields } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import { ShardStore } from '../../src/journal/shard-store.ts'

export const OPTIONS = { shard: 1, shardCount: 2, deadLettersMax: 10 } as const

export interface TestEvent {
  readonly key: string
  readonly messageId: string
  readonly message: string
}

/** The plain model that a store is compared with. */
export class Model {
  readonly records: Buffer[] = []
  readonly previous: number[] = []
  readonly lastOf = new Map<string, number>()

  /** Encodes a block whose records are chained by key, and remembers it. */
  encode(events: readonly TestEvent[]): Uint8Array {
    const writer = new RecordWriter(256)
    const fields = createRecordFields()
    for (const event of events) writer.append(Object.assign(fields, event))
    const bytes = writer.take()
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const cursor = new RecordCursor().over(bytes)
    let at = 0
    for (const { key } of events) {
      const previous = this.lastOf.get(key) ?? -1
      view.setFloat64(at + 24, previous, true)
      const { byteLength } = cursor.at(at)
      this.lastOf.set(key, this.records.length)
      this.previous.push(previous)
      this.records.push(Buffer.from(bytes.slice(at, at + byteLength)))
      at += byteLength
    }
    return bytes
  }

  /** Newest first. */
  history(last: number): number[] {
    const found: number[] = []
    for (let at = last; at >= 0; at = this.previous[at]) found.push(at)
    return found
  }
}

export function events(count: number, messageBytes = 20): TestEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `shopper-${i % 5}`,
    messageId: `message-${i}`,
    message: 'm'.repeat(messageBytes),
  }))
}

export async function withDirectory(work: (path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'limn-journal-'))
  try {
    await work(path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

export function openStore(path: string): ShardStore {
  return ShardStore.open(path, OPTIONS)
}
