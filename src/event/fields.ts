import { FIELD_CHARACTERS_MAX, NUMBER_MAX, PRODUCTS_MAX } from './limits.ts'
import { isCurrency } from './currency.ts'
import { NUMBER_FIELDS, STRING_FIELDS } from './record.ts'
import type { NumberField, RecordFields, RecordProduct, StringField } from './record.ts'
import { eventCodeOf } from './vocabulary.ts'

export type JsonObject = Record<string, unknown>

/** Why an item is refused. */
export interface Refusal {
  readonly code: string
  readonly reason: string
}

const NUMBER_INDEX: ReadonlyMap<string, number> = new Map(NUMBER_FIELDS.map((name, i) => [name, i]))
/** String fields that properties of the same name fill. */
const PROPERTY_STRINGS = [
  'product_id',
  'sku',
  'category',
  'brand',
  'name',
  'variant',
  'currency',
  'order_id',
  'checkout_id',
  'coupon',
  'query',
  'list_id',
  'promotion_id',
  'share_via',
  'payment_method',
  'path',
  'url',
  'referrer',
] as const satisfies readonly StringField[]
const STRING_INDEX = Object.fromEntries(STRING_FIELDS.map((name, i) => [name, i])) as Record<
  StringField,
  number
>
const PROPERTY_INDEX: ReadonlyMap<string, number> = new Map(
  PROPERTY_STRINGS.map((name) => [name, STRING_INDEX[name]]),
)
/** Fields that must not be below zero. */
const NOT_NEGATIVE: ReadonlySet<string> = new Set<NumberField>([
  'price',
  'quantity',
  'revenue',
  'total',
  'subtotal',
  'discount',
])
const ORDER_COMPLETED = eventCodeOf('Order Completed')

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function setString(fields: RecordFields, field: StringField, value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value)) value = String(value)
  if (typeof value !== 'string' || value === '') return
  const index = STRING_INDEX[field]
  fields.strings[index] = value.length > FIELD_CHARACTERS_MAX ? cut(value) : value
  fields.stringMask |= 1 << index
}

/** Takes the properties that records carry; the first fault ends it. */
export function takeProperties(fields: RecordFields, properties: JsonObject): Refusal | null {
  for (const name in properties) {
    const numberIndex = NUMBER_INDEX.get(name)
    if (numberIndex !== undefined) {
      const fault = takeNumber(fields, name, numberIndex, properties[name])
      if (fault !== null) return fault
      continue
    }
    const index = PROPERTY_INDEX.get(name)
    if (index === undefined) continue
    const value = properties[name]
    if (typeof value === 'string') {
      if (value === '') continue
      fields.strings[index] = value.length > FIELD_CHARACTERS_MAX ? cut(value) : value
      fields.stringMask |= 1 << index
    } else if (typeof value === 'number') {
      setString(fields, STRING_FIELDS[index], value)
    }
  }
  return takeCurrency(properties.currency) ?? takeProducts(fields, properties.products)
}

function takeNumber(fields: RecordFields, name: string, index: number, value: unknown): Refusal | null {
  if (value === undefined || value === null || value === '') return null
  const number = toNumber(value)
  // "value", "position", "step", … may be anything in custom events; prices may not.
  if (number === null) return NOT_NEGATIVE.has(name) ? badNumber(name, value) : null
  if (number < 0 && NOT_NEGATIVE.has(name)) {
    return { code: 'ERR_EVENT_NEGATIVE', reason: `${name} is ${number}; it must not be negative` }
  }
  fields.numbers[index] = number
  fields.numberMask |= 1 << index
  return null
}

/** A finite number, or text that is one; null otherwise. */
function toNumber(value: unknown): number | null {
  let number: number
  if (typeof value === 'number') number = value
  else if (typeof value === 'string' && /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/.test(value)) {
    number = Number(value)
  } else return null
  return Number.isFinite(number) && Math.abs(number) <= NUMBER_MAX ? number : null
}

function badNumber(name: string, value: unknown): Refusal {
  const found = JSON.stringify(value)?.slice(0, 60) ?? String(value)
  const reason = `${name} is ${found}; allowed: a number from 0 to ${NUMBER_MAX}`
  return { code: 'ERR_EVENT_NUMBER', reason }
}

function takeCurrency(value: unknown): Refusal | null {
  if (value === undefined || value === null || value === '') return null
  if (typeof value === 'string' && isCurrency(value)) return null
  const found = JSON.stringify(value).slice(0, 60)
  return { code: 'ERR_EVENT_CURRENCY', reason: `currency ${found} is not an ISO 4217 code` }
}

function takeProducts(fields: RecordFields, products: unknown): Refusal | null {
  if (products === undefined || products === null) return null
  if (!Array.isArray(products)) {
    return { code: 'ERR_EVENT_PRODUCTS', reason: 'products must be an array of objects' }
  }
  if (products.length > PRODUCTS_MAX) {
    const reason = `products has ${products.length} items; at most ${PRODUCTS_MAX} are allowed`
    return { code: 'ERR_EVENT_PRODUCTS', reason }
  }
  for (let i = 0; i < products.length; i++) {
    const product: unknown = products[i]
    if (!isObject(product)) {
      return { code: 'ERR_EVENT_PRODUCTS', reason: `products[${i}] is not an object` }
    }
    const taken = takeProduct(product, i)
    if ('code' in taken) return taken
    fields.products.push(taken)
  }
  return null
}

function takeProduct(product: JsonObject, index: number): RecordProduct | Refusal {
  const price = productNumber(product.price)
  const quantity = productNumber(product.quantity)
  if (price === null) return badNumber(`products[${index}].price`, product.price)
  if (quantity === null) return badNumber(`products[${index}].quantity`, product.quantity)
  const fault = takeCurrency(product.currency)
  if (fault !== null) return fault
  return {
    price,
    quantity,
    productId: textOf(product.product_id ?? product.productId ?? product.id ?? product.sku),
    category: textOf(product.category),
    brand: textOf(product.brand),
  }
}

/** NaN where absent, null where it is not a number of at least 0. */
function productNumber(value: unknown): number | null {
  if (value === undefined || value === null || value === '') return Number.NaN
  const number = toNumber(value)
  return number === null || number < 0 ? null : number
}

function textOf(value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value !== 'string') return ''
  return value.length > FIELD_CHARACTERS_MAX ? cut(value) : value
}

/**
 * An order's revenue where it was not given: its total, else its subtotal, else the sum of
 * price × quantity over its products.
 */
export function fillRevenue(fields: RecordFields): void {
  const revenue = numberIndex('revenue')
  if (fields.eventCode !== ORDER_COMPLETED || (fields.numberMask & (1 << revenue)) !== 0) return
  for (const name of ['total', 'subtotal'] as const) {
    const index = numberIndex(name)
    if ((fields.numberMask & (1 << index)) === 0) continue
    return setNumber(fields, revenue, fields.numbers[index])
  }
  let sum = 0
  for (const { price, quantity } of fields.products) {
    if (!Number.isNaN(price)) sum += price * (Number.isNaN(quantity) ? 1 : quantity)
  }
  if (sum > 0) setNumber(fields, revenue, sum)
}

function setNumber(fields: RecordFields, index: number, value: number): void {
  fields.numbers[index] = value
  fields.numberMask |= 1 << index
}

function numberIndex(name: NumberField): number {
  return NUMBER_FIELDS.indexOf(name)
}

/** What the context says about page, campaign, device and place. */
export function takeContext(fields: RecordFields, context: JsonObject): void {
  const { page, campaign, device, os, location, locale } = context
  if (isObject(page)) {
    if (!has(fields, 'path')) setString(fields, 'path', page.path)
    if (!has(fields, 'url')) setString(fields, 'url', page.url)
    if (!has(fields, 'referrer')) setString(fields, 'referrer', page.referrer)
    setString(fields, 'referring_domain', page.referring_domain)
  }
  if (isObject(campaign)) {
    setString(fields, 'campaign_source', campaign.source)
    setString(fields, 'campaign_medium', campaign.medium)
    setString(fields, 'campaign_name', campaign.name)
  }
  if (isObject(device)) setString(fields, 'device_type', device.type)
  if (isObject(os)) setString(fields, 'os_name', os.name)
  if (isObject(location)) {
    setString(fields, 'country', location.country)
    setString(fields, 'city', location.city)
  }
  setString(fields, 'locale', locale)
}

function has(fields: RecordFields, field: StringField): boolean {
  return (fields.stringMask & (1 << STRING_INDEX[field])) !== 0
}

/** Cuts text without splitting a surrogate pair. */
function cut(text: string): string {
  const end = FIELD_CHARACTERS_MAX
  const code = text.charCodeAt(end - 1)
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? end - 1 : end)
}
