import { hashOf, ownerOf, parseKey, formatKey } from '../../src/event/profile-key.ts'
import type { ProfileKey } from '../../src/event/profile-key.ts'
import {
  MESSAGE_TYPES,
  RECORD_FLAG,
  RECORD_KIND,
  STRING_FIELDS,
  createRecordFields,
} from '../../src/event/record.ts'
import type { RecordFields } from '../../src/event/record.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import { eventCodeOf } from '../../src/event/vocabulary.ts'
import { blockBytes, encodeBlock } from '../../src/journal/block.ts'
import type { SimulatedDisk } from './disk.ts'

interface OldEvent {
  readonly fields: Partial<RecordFields>
  readonly strings: Readonly<Record<string, string>>
}

interface OldShopper {
  readonly events: OldEvent[]
  readonly links: string[]
  last: number
  forwarded: boolean
}

/** What a join of the first format left behind. */
export interface OldJoin {
  /** Position of its forward. */
  readonly position: string
  readonly from: string
  readonly moved: readonly OldEvent[]
  readonly links: readonly string[]
}

/**
 * Writes journals as the first storage format has them: notes of joins without a version, moved records
 * that do not say where they came under, and no record of a decision or of a profile folded again. A
 * join is written step by step, so that a story can leave out what a crash would.
 */
export class OldData {
  private readonly disks: readonly SimulatedDisk[]
  private readonly sequences: number[]
  private readonly shoppers = new Map<string, OldShopper>()
  private now: number

  constructor(disks: readonly SimulatedDisk[], startMs: number) {
    this.disks = disks
    this.sequences = disks.map(() => 0)
    disks.forEach(({ meta }, shard) => {
      meta.set('shard', JSON.stringify({ format: 1, shard, shardCount: disks.length }))
    })
    this.now = startMs
  }

  track(key: string, ...ids: readonly string[]): void {
    for (const id of ids) {
      const message = { type: 'track', event: 'Product Viewed', messageId: id, properties: {} }
      this.event(key, { type: 'track', message, strings: {} })
    }
  }

  /** The event that a join was asked for with, where it ended. */
  asked(key: string, id: string, named: { anonymous_id?: string; previous_id?: string }): void {
    const type = named.previous_id === undefined ? 'identify' : 'alias'
    const message = { type, messageId: id, traits: {} }
    this.event(key, { type, message, strings: { ...named } })
  }

  /** Step 1: the source's shard. Moves what is there, as the first format did, or says ''. */
  forward(from: string, to: string): OldJoin {
    const source = this.shopper(from)
    const moved = source.forwarded ? [] : source.events.splice(0)
    const message = moved.length === 0 ? '' : JSON.stringify({ moved: moved.length })
    const position = this.own(from, { kind: RECORD_KIND.forward, name: to, message })
    source.forwarded = true
    return { position, from, moved, links: [...source.links] }
  }

  /** Steps 2 and 3: where the records end. A join that was sent again after a crash has no links. */
  arrives(join: OldJoin, at: string, { links = join.links } = {}): void {
    const shopper = this.shopper(at)
    const key = parseKey(at)
    const moved = join.moved.map(({ fields, strings }) => {
      const flags = (fields.flags ?? 0) | RECORD_FLAG.imported
      return { fields: { ...fields, flags, ...keyed(key) }, strings }
    })
    const message = JSON.stringify({ source: join.position, links })
    const note = this.ownFields(at, { kind: RECORD_KIND.import, name: join.from, message })
    this.write(at, [...moved, note])
    shopper.events.push(...moved)
    shopper.links.push(join.from, ...links)
  }

  /** Step 4; the first format also did it before the third. */
  confirm({ from }: OldJoin): void {
    this.own(from, { kind: RECORD_KIND.forwardConfirmed, name: '', message: '' })
  }

  /** All steps. */
  join(from: string, to: string, at = to): void {
    const join = this.forward(from, to)
    if (join.moved.length === 0) return
    this.arrives(join, at)
    this.confirm(join)
  }

  /** Time stands still for what the work writes, as within a millisecond. */
  atOnce(work: () => void): void {
    const { now } = this
    const standing = { get: () => now, set: () => undefined, configurable: true }
    Object.defineProperty(this, 'now', standing)
    work()
    Object.defineProperty(this, 'now', { value: now, writable: true, configurable: true })
  }

  private event(
    at: string,
    { type, message, strings }: { type: string; message: object; strings: Record<string, string> },
  ): void {
    const { messageId } = message as { messageId: string }
    const index = MESSAGE_TYPES.findIndex((known) => known === type)
    const event = {
      fields: {
        ...this.stamp(at),
        kind: RECORD_KIND.event,
        type: index,
        eventCode: type === 'track' ? eventCodeOf('Product Viewed') : 0,
        messageId,
        message: JSON.stringify(message),
      },
      strings,
    }
    this.write(at, [event])
    this.shopper(at).events.push(event)
  }

  private own(at: string, fields: Partial<RecordFields>): string {
    const sequence = this.write(at, [this.ownFields(at, fields)])
    return `${this.ownerOf(at)}:${sequence}`
  }

  private ownFields(at: string, fields: Partial<RecordFields>): OldEvent {
    return { fields: { ...this.stamp(at), ...fields }, strings: {} }
  }

  private stamp(at: string): Partial<RecordFields> {
    this.now += 1_000
    return { ...keyed(parseKey(at)), eventTime: this.now, arrivalTime: this.now }
  }

  /** Journals records of one profile as a block; returns the first one's sequence. */
  private write(at: string, records: readonly OldEvent[]): number {
    const shard = this.ownerOf(at)
    const shopper = this.shopper(at)
    const firstSequence = this.sequences[shard]
    const writer = new RecordWriter()
    for (const { fields, strings } of records) {
      const all = Object.assign(createRecordFields(), fields)
      for (const [name, value] of Object.entries(strings)) {
        const field = STRING_FIELDS.findIndex((known) => known === name)
        all.strings[field] = value
        all.stringMask |= 1 << field
      }
      const offset = writer.append(all)
      new DataView(writer.bytes.buffer).setFloat64(offset + 24, shopper.last, true)
      shopper.last = this.sequences[shard]++
    }
    const bytes = writer.take()
    const buffer = new Uint8Array(blockBytes(bytes.length, records.length))
    const head = { firstSequence, writtenAt: this.now }
    const block = encodeBlock(bytes, records.length, head, buffer)
    this.disks[shard].tables.journal.set(firstSequence, block)
    return firstSequence
  }

  private ownerOf(at: string): number {
    return ownerOf(parseKey(at), this.disks.length)
  }

  private shopper(at: string): OldShopper {
    const name = formatKey(parseKey(at))
    const known = this.shoppers.get(name)
    if (known !== undefined) return known
    const made = { events: [], links: [], last: -1, forwarded: false }
    this.shoppers.set(name, made)
    return made
  }
}

function keyed(key: ProfileKey): Partial<RecordFields> {
  return { keyKind: key.kind, key: key.key, keyHash: { ...hashOf(key) } }
}
