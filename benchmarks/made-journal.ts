import { MESSAGE_TYPES, NUMBER_FIELDS, STRING_FIELDS } from '../src/event/record.ts'
import type { NumberField, RecordFields, StringField } from '../src/event/record.ts'
import { createRecordFields } from '../src/event/record.ts'
import { RecordWriter } from '../src/event/record-writer.ts'
import { eventCodeOf } from '../src/event/vocabulary.ts'
import { ShardStore } from '../src/journal/shard-store.ts'
import { Random } from '../src/model/random.ts'

const BLOCK_BYTES = 65_536
const COMMITS_UNDER_WAY = 8
const EVENTS_OF_A_SHOPPER = 20
const SHOPPERS_AT_ONCE = 500
const SPAN_MS = 60 * 86_400_000
const START_MS = Date.UTC(2026, 0, 1)
/** Events and how often, of a hundred. */
const EVENTS = [
  ['Product Viewed', 62],
  ['Product List Viewed', 15],
  ['Product Added', 12],
  ['Checkout Started', 6],
  ['Order Completed', 5],
] as const

/**
 * Writes journals of shoppers who come, look around for some twenty events and at times buy: records
 * as the decoder makes them, without a server. Two shards, `shard-0` and `shard-1`.
 */
export async function makeJournal(dataDir: string, records: number): Promise<void> {
  const shardCount = 2
  for (let shard = 0; shard < shardCount; shard++) {
    const options = { shard, shardCount, deadLettersMax: 0 }
    const store = ShardStore.open(`${dataDir}/shard-${shard}`, options)
    try {
      await fillShard(store, shard, Math.floor(records / shardCount))
    } finally {
      await store.close()
    }
  }
}

async function fillShard(store: ShardStore, shard: number, records: number): Promise<void> {
  const writer = new RecordWriter(2 * BLOCK_BYTES)
  const shoppers = new Shoppers(shard)
  const underWay: Promise<void>[] = []
  for (let i = 0; i < records; i++) {
    writer.append(shoppers.next(START_MS + Math.floor((i * SPAN_MS) / records), i))
    if (writer.length < BLOCK_BYTES && i + 1 < records) continue
    const { count } = writer
    underWay.push(store.append(writer.take(), count, Date.now()).committed)
    if (underWay.length >= COMMITS_UNDER_WAY) await underWay.shift()
  }
  await Promise.all(underWay)
}

class Shoppers {
  private readonly shard: number
  private readonly random: Random
  private readonly here: number[]
  private readonly fields = createRecordFields()
  private count = SHOPPERS_AT_ONCE

  constructor(shard: number) {
    this.shard = shard
    this.random = new Random(shard + 1)
    this.here = Array.from({ length: SHOPPERS_AT_ONCE }, (_, i) => i)
    this.fields.type = MESSAGE_TYPES.indexOf('track')
  }

  /** The next event; the fields are used again. */
  next(time: number, sequence: number): RecordFields {
    const { random, fields, here } = this
    const place = this.below(SHOPPERS_AT_ONCE)
    if (random.next() < 1 / EVENTS_OF_A_SHOPPER) here[place] = this.count++
    fields.key = `shopper-${this.shard}-${here[place]}`
    fields.messageId = `message-${this.shard}-${sequence}`
    fields.eventTime = time
    fields.arrivalTime = time
    const name = this.eventName()
    fields.eventCode = eventCodeOf(name)
    const product = this.below(2_000)
    this.text('product_id', `product-${product}`)
    this.text('category', `category-${product % 20}`)
    this.text('brand', `brand-${product % 53}`)
    this.text('device_type', ['mobile', 'desktop', 'tablet'][here[place] % 3])
    const price = 5 + (product % 400) / 4
    this.number('price', price)
    if (name === 'Order Completed') this.number('revenue', price * (1 + this.below(3)))
    else fields.numberMask &= ~(1 << NUMBER_FIELDS.indexOf('revenue'))
    fields.message = `{"type":"track","event":"${name}","properties":{"product_id":"product-${product}","category":"category-${product % 20}","price":${price}},"context":{"locale":"en-GB"}}`
    return fields
  }

  private eventName(): string {
    let draw = this.below(100)
    for (const [name, weight] of EVENTS) {
      if (draw < weight) return name
      draw -= weight
    }
    return EVENTS[0][0]
  }

  private text(field: StringField, text: string): void {
    const at = STRING_FIELDS.indexOf(field)
    this.fields.stringMask |= 1 << at
    this.fields.strings[at] = text
  }

  private number(field: NumberField, number: number): void {
    const at = NUMBER_FIELDS.indexOf(field)
    this.fields.numberMask |= 1 << at
    this.fields.numbers[at] = number
  }

  private below(count: number): number {
    return Math.floor(this.random.next() * count)
  }
}
