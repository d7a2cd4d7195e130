import { KEY_KIND, MESSAGE_TYPES, RECORD_FLAG, RECORD_KIND } from '../../src/event/record.ts'
import type { MessageType } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { formatKey } from '../../src/event/profile-key.ts'
import { readConfirmed, readForward, readImport } from '../../src/identity/notes.ts'
import { readRestored, readSplit } from '../../src/identity/notes.ts'
import { decodeBlock } from '../../src/journal/block.ts'
import type { SimulatedDisk } from './disk.ts'

/** A record as the simulation's checks read it from a disk. This file alone knows the journal's form. */
export interface ViewedRecord {
  readonly shard: number
  readonly sequence: number
  readonly kind: number
  /** `user:…` or `anonymous:…`; `rename:…` of a user's place in the forest of renames */
  readonly key: string
  readonly type: MessageType
  readonly messageId: string
  readonly arrival: number
  /** Moved here by a join. */
  readonly imported: boolean
  /** Arrival time was taken from the event time. */
  readonly historical: boolean
  /** Of a forward: where to; of an import: where from. */
  readonly name: string
  /** Of a forward, a split, an undone join: whether a command follows. */
  readonly moves: boolean
  /** Of an import or split: the position of its command. Of a forward, of an undone join: of what is decided about the user elsewhere. */
  readonly source: string
  /** Of an import: the last of its command. */
  readonly last: boolean
  /** Of a confirmation: the sequence of what is confirmed. */
  readonly of: number
  /** Of an event or timer: the key that it came under. */
  readonly origin: string
  /** Of a split, of an undone join: keys whose records are given back; none where they are elsewhere. */
  readonly origins: readonly string[]
  readonly bytes: Uint8Array
  /** Order in which the blocks of all shards were handed to their disks, then order in the block. */
  readonly order: number
}

export function positionOf({ shard, sequence }: ViewedRecord): string {
  return `${shard}:${sequence}`
}

/** When an event was, and its message's JSON. */
export function contentOf({ bytes }: ViewedRecord): { time: number; message: string } {
  const cursor = new RecordCursor().over(bytes).at(0)
  return { time: cursor.eventTime, message: cursor.message }
}

/** The records of one block; `order` is the first one's. */
export function viewBlockRecords(
  { shard, order, cursor }: { shard: number; order: number; cursor: RecordCursor },
  value: Uint8Array,
): ViewedRecord[] {
  const block = decodeBlock(value, `shard ${shard}`)
  cursor.over(block.bytes)
  return Array.from(block.offsets, (offset, i) => {
    cursor.at(offset)
    const { kind, keyKind, key, arrivalTime, flags } = cursor
    const event = kind === RECORD_KIND.event
    return {
      shard,
      sequence: block.firstSequence + i,
      kind,
      key: `${KIND_NAMES[keyKind]}:${key}`,
      type: MESSAGE_TYPES[cursor.type],
      messageId: event ? cursor.messageId : '',
      arrival: arrivalTime,
      imported: (flags & RECORD_FLAG.imported) !== 0,
      historical: (flags & RECORD_FLAG.historical) !== 0,
      name: event ? '' : cursor.name,
      origin: event || kind === RECORD_KIND.timer ? formatKey(cursor.origin) : '',
      ...noteOf(cursor),
      bytes: block.bytes.slice(offset, offset + cursor.byteLength),
      order: order + i / 65_536,
    }
  })
}

/** Whether a block holds any record of a join; a look at the kinds is enough. */
export function holdsJoin(value: Uint8Array): boolean {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const end = BLOCK_HEADER_BYTES + view.getUint32(12, true)
  for (let at = BLOCK_HEADER_BYTES; at < end; at += view.getUint32(at, true)) {
    const kind = value[at + 4]
    if (kind !== RECORD_KIND.event && kind !== RECORD_KIND.timer) return true
  }
  return false
}

const BLOCK_HEADER_BYTES = 32

const KIND_NAMES = {
  [KEY_KIND.user]: 'user',
  [KEY_KIND.anonymous]: 'anonymous',
  [KEY_KIND.rename]: 'rename',
} as const

type Note = Pick<ViewedRecord, 'moves' | 'source' | 'last' | 'of' | 'origins'>

function noteOf(cursor: RecordCursor): Note {
  const none = { moves: false, source: '', last: false, of: -1, origins: [] }
  if (cursor.kind === RECORD_KIND.split) {
    const { source, origins, to } = readSplit(cursor.message)
    return { ...none, source, moves: to === '', origins: to === '' ? origins : [] }
  }
  if (cursor.kind === RECORD_KIND.restored) {
    const { splits, cause, origins } = readRestored(cursor.message)
    return { ...none, source: cause, moves: splits, origins }
  }
  if (cursor.kind === RECORD_KIND.forward) {
    const { moves, cause } = readForward(cursor.message)
    return { ...none, moves, source: cause }
  }
  if (cursor.kind === RECORD_KIND.import) {
    const { source, last } = readImport(cursor.message)
    return { ...none, source, last }
  }
  if (cursor.kind !== RECORD_KIND.forwardConfirmed) return none
  return { ...none, of: readConfirmed(cursor.message).of ?? -1 }
}

/** What became of one key, read from the journals alone. */
export interface ViewedShopper {
  readonly key: string
  readonly shard: number
  /** Events and timers since the key was last forwarded. */
  records: ViewedRecord[]
  forwardedTo: string | null
}

/**
 * The journals of all shards as they lie on their disks. Reads what is new at each {@link refresh}; what
 * was durable once stays.
 */
export class JournalView {
  readonly forwards: ViewedRecord[] = []
  readonly imports: ViewedRecord[] = []
  readonly confirmations: ViewedRecord[] = []
  readonly splits: ViewedRecord[] = []
  readonly restored: ViewedRecord[] = []
  readonly shoppers = new Map<string, ViewedShopper>()
  private readonly disks: readonly SimulatedDisk[]
  private readonly readUntil: number[]
  private readonly cursor = new RecordCursor()
  private readonly orderOf: (shard: number, firstSequence: number) => number

  constructor(
    disks: readonly SimulatedDisk[],
    orderOf: (shard: number, firstSequence: number) => number,
  ) {
    this.disks = disks
    this.readUntil = disks.map(() => -1)
    this.orderOf = orderOf
  }

  refresh(): void {
    this.disks.forEach((disk, shard) => {
      const { keys, values } = disk.tables.journal
      for (let i = keys.length - 1; i >= 0 && keys[i] > this.readUntil[shard]; i--) {
        if (i > 0 && keys[i - 1] > this.readUntil[shard]) continue
        for (const key of keys.slice(i)) this.readBlock(shard, key, values.get(key))
        this.readUntil[shard] = keys[keys.length - 1]
        break
      }
    })
  }

  private readBlock(shard: number, key: number, value: Uint8Array | undefined): void {
    if (value === undefined) return
    const order = this.orderOf(shard, key)
    const { cursor } = this
    for (const record of viewBlockRecords({ shard, order, cursor }, value)) this.take(record)
  }

  private take(record: ViewedRecord): void {
    const shopper = this.shopper(record)
    switch (record.kind) {
      case RECORD_KIND.event:
      case RECORD_KIND.timer:
        shopper.records.push(record)
        break
      case RECORD_KIND.forward:
        shopper.forwardedTo = record.name
        shopper.records = []
        this.forwards.push(record)
        break
      case RECORD_KIND.import:
        this.imports.push(record)
        break
      case RECORD_KIND.split:
        shopper.records = shopper.records.filter(({ origin }) => !record.origins.includes(origin))
        this.splits.push(record)
        break
      case RECORD_KIND.restored:
        shopper.forwardedTo = null
        this.restored.push(record)
        break
      case RECORD_KIND.forwardConfirmed:
        this.confirmations.push(record)
    }
  }

  private shopper({ key, shard }: ViewedRecord): ViewedShopper {
    const known = this.shoppers.get(key)
    if (known !== undefined) return known
    const made: ViewedShopper = { key, shard, records: [], forwardedTo: null }
    this.shoppers.set(key, made)
    return made
  }
}
