import {
  KEY_KIND,
  MESSAGE_TYPES,
  NUMBER_FIELDS,
  RECORD_FLAG,
  RECORD_KIND,
  STRING_FIELDS,
  createRecordFields,
} from '../../src/event/record.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import type { MessageType, NumberField, StringField } from '../../src/event/record.ts'
import { eventCodeOf } from '../../src/event/vocabulary.ts'

export interface MadeProduct {
  readonly price?: number
  readonly quantity?: number
  readonly id?: string
}

/** An event as a test states it; `name` is a track event's. */
export interface MadeEvent {
  readonly key: string
  readonly time: number
  /** As the time unless it is told. */
  readonly arrival?: number
  readonly type: MessageType
  readonly name?: string
  readonly bot?: boolean
  readonly numbers?: Partial<Record<NumberField, number>>
  readonly strings?: Partial<Record<StringField, string>>
  readonly products?: readonly MadeProduct[]
  readonly traits?: Readonly<Record<string, unknown>>
  readonly properties?: Readonly<Record<string, string | number>>
}

/** The event as a record of its own. */
export function recordOf(event: MadeEvent): Uint8Array {
  const writer = new RecordWriter(4096)
  writeEvent(writer, event)
  return writer.take()
}

export function writeEvent(writer: RecordWriter, event: MadeEvent): void {
  const fields = createRecordFields()
  fields.type = MESSAGE_TYPES.indexOf(event.type)
  fields.flags = event.bot === true ? RECORD_FLAG.bot : 0
  fields.eventTime = event.time
  fields.arrivalTime = event.arrival ?? event.time
  fields.keyKind = KEY_KIND.anonymous
  fields.key = event.key
  const name = event.name ?? ''
  fields.eventCode = event.type === 'track' ? eventCodeOf(name) : 0
  fields.name = fields.eventCode === 0 ? name : ''
  for (const [field, value] of Object.entries(event.numbers ?? {})) {
    const index = NUMBER_FIELDS.indexOf(field as NumberField)
    fields.numberMask |= 1 << index
    fields.numbers[index] = value
  }
  for (const [field, value] of Object.entries(event.strings ?? {})) {
    const index = STRING_FIELDS.indexOf(field as StringField)
    fields.stringMask |= 1 << index
    fields.strings[index] = value
  }
  for (const { price = Number.NaN, quantity = Number.NaN, id = '' } of event.products ?? []) {
    fields.products.push({ price, quantity, productId: id, category: '', brand: '' })
  }
  const { type, traits, properties } = event
  fields.message = JSON.stringify({ type, traits, properties: properties ?? {} })
  writer.append(fields)
}

export function timerRecord(key: string, time: number, arrival = time): Uint8Array {
  const writer = new RecordWriter(1024)
  const fields = createRecordFields()
  fields.kind = RECORD_KIND.timer
  fields.keyKind = KEY_KIND.anonymous
  fields.key = key
  fields.eventTime = time
  fields.arrivalTime = arrival
  writer.append(fields)
  return writer.take()
}
