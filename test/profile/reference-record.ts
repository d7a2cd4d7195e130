import { MESSAGE_TYPES, NUMBER_FIELDS, RECORD_FLAG, STRING_FIELDS } from '../../src/event/record.ts'
import type { RecordCursor } from '../../src/event/record-cursor.ts'
import { eventNameOf } from '../../src/event/vocabulary.ts'
import type { Value } from '../../src/profile/expression.ts'

export interface ReferenceProduct {
  readonly price: number
  readonly quantity: number
  readonly product_id: string
  readonly category: string
  readonly brand: string
}

/** Something that traits may count: an event or a session's signal. */
export interface Entry {
  /** What selectors and machines may call it, the most special last. */
  readonly names: readonly string[]
  readonly time: number
  readonly bot: boolean
  readonly field: (name: string) => Value
  readonly products: readonly ReferenceProduct[]
}

/** The event at the cursor, taken out of its bytes as a whole. */
export function entryOf(cursor: RecordCursor): Entry {
  const type = MESSAGE_TYPES[cursor.type]
  const name = cursor.eventCode > 0 ? eventNameOf(cursor.eventCode) : cursor.name
  const values: Record<string, Value> = { event: name, type }
  NUMBER_FIELDS.forEach((field, i) => {
    const number = cursor.number(i)
    values[field] = Number.isNaN(number) ? null : number
  })
  STRING_FIELDS.forEach((field, i) => {
    values[field] = cursor.stringStart(i) < 0 ? null : cursor.text(i)
  })
  const message = JSON.parse(cursor.message) as unknown
  return {
    names: type === 'track' ? ['*', 'track', name] : ['*', type],
    time: cursor.eventTime,
    bot: (cursor.flags & RECORD_FLAG.bot) !== 0,
    field: (of) => (of.includes('.') ? scalarAt(message, of.split('.')) : (values[of] ?? null)),
    products: productsOf(cursor),
  }
}

/** The message's `traits` as they came. */
export function traitsOf(cursor: RecordCursor): Readonly<Record<string, unknown>> {
  const { traits } = JSON.parse(cursor.message) as { traits?: unknown }
  return typeof traits === 'object' && traits !== null ? (traits as Record<string, unknown>) : {}
}

function scalarAt(message: unknown, path: readonly string[]): Value {
  let value = message
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return null
    value = (value as Record<string, unknown>)[part]
  }
  return typeof value === 'object' || value === undefined ? null : (value as Value)
}

function productsOf(cursor: RecordCursor): ReferenceProduct[] {
  const products: ReferenceProduct[] = []
  cursor.eachProduct((price, quantity, ...at) => {
    const [product_id, category, brand] = [0, 2, 4].map((i) => cursor.decode(at[i], at[i + 1]))
    products.push({ price, quantity, product_id, category, brand })
  })
  return products
}
