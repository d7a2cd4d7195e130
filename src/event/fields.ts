import { FIELD_CHARACTERS_MAX, NUMBER_MAX, PRODUCTS_MAX } from './limits.ts'
import { currencyOf } from './currency.ts'
import { NUMBER_FIELDS, STRING_FIELDS } from './record.ts'
import type { NumberField, RecordFields, RecordProduct, StringField } from './record.ts'
import { eventCodeOf } from './vocabulary.ts'

export type JsonObject = Record<string, unknown>

/** Why an item is refused. */
export interface Refusal {
  readonly code: string
  readonly reason: string
}

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
/** Where a property goes: the index of a number field, or of a string field + STRINGS_AT. */
const STRINGS_AT = 32
const PROPERTY_INDEX: ReadonlyMap<string, number> = new Map([
  ...NUMBER_FIELDS.map((name, i) => [name, i] as const),
  ...PROPERTY_STRINGS.map((name) => [name, STRINGS_AT + STRING_INDEX[name]] as const),
])
/** Fields that must not be below zero. */
const NOT_NEGATIVE: ReadonlySet<string> = new Set<NumberField>([
  'price',
  'quantity',
  'revenue',
  'total',
  'subtotal',
  'discount',
  'tax',
  'shipping',
])
const PATH = STRING_INDEX.path
const URL = STRING_INDEX.url
const REFERRER = STRING_INDEX.referrer
const REFERRING_DOMAIN = STRING_INDEX.referring_domain
const REVENUE = NUMBER_FIELDS.indexOf('revenue')
const TOTAL = NUMBER_FIELDS.indexOf('total')
const SUBTOTAL = NUMBER_FIELDS.indexOf('subtotal')
const ORDER_COMPLETED = eventCodeOf('Order Completed')

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function setString(fields: RecordFields, field: StringField, value: unknown): void {
  put(fields, STRING_INDEX[field], value)
}

function put(fields: RecordFields, index: number, value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value)) value = String(value)
  if (typeof value !== 'string' || value === '') return
  fields.strings[index] = value.length > FIELD_CHARACTERS_MAX ? cut(value) : value
  fields.stringMask |= 1 << index
}

/** Takes the properties that records carry; the first fault ends it. */
export function takeProperties(fields: RecordFields, properties: JsonObject): Refusal | null {
  for (const name in properties) {
    const index = PROPERTY_INDEX.get(name)
    if (index === undefined) continue
    if (index >= STRINGS_AT) put(fields, index - STRINGS_AT, properties[name])
    else {
      const fault = takeNumber(fields, name, index, properties[name])
      if (fault !== null) return fault
    }
  }
  return takeCurrency(fields, properties.currency) ?? takeProducts(fields, properties.products)
}

function takeNumber(
  fields: RecordFields,
  name: string,
  index: number,
  value: unknown,
): Refusal | null {
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
  else if (
    typeof value === 'string' &&
    /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/.test(value)
  ) {
    number = Number(value)
  } else return null
  return Number.isFinite(number) && Math.abs(number) <= NUMBER_MAX ? number : null
}

function badNumber(name: string, value: unknown): Refusal {
  const found = JSON.stringify(value)?.slice(0, 60) ?? String(value)
  const reason = `${name} is ${found}; allowed: a number from 0 to ${NUMBER_MAX}`
  return { code: 'ERR_EVENT_NUMBER', reason }
}

/** Puts the currency down in upper case. */
function takeCurrency(fields: RecordFields, value: unknown): Refusal | null {
  if (value === undefined || value === null || value === '') return null
  const currency = typeof value === 'string' ? currencyOf(value) : ''
  if (currency === '') return badCurrency(value)
  fields.strings[STRING_INDEX.currency] = currency
  return null
}

function badCurrency(value: unknown): Refusal {
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
  const { currency } = product
  if (currency !== undefined && currency !== null && currency !== '') {
    if (typeof currency !== 'string' || currencyOf(currency) === '') return badCurrency(currency)
  }
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
  const revenue = REVENUE
  if (fields.eventCode !== ORDER_COMPLETED || (fields.numberMask & (1 << revenue)) !== 0) return
  for (const index of [TOTAL, SUBTOTAL]) {
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

/** What the context says about page, campaign, device and place. */
export function takeContext(fields: RecordFields, context: JsonObject): void {
  const { page, campaign, device, os, location, locale } = context
  if (isObject(page)) {
    // What the event itself says goes before what its page says.
    const own = fields.stringMask
    if ((own & (1 << PATH)) === 0) put(fields, PATH, page.path)
    if ((own & (1 << URL)) === 0) put(fields, URL, page.url)
    if ((own & (1 << REFERRER)) === 0) put(fields, REFERRER, page.referrer)
    put(fields, REFERRING_DOMAIN, page.referring_domain)
  }
  if (isObject(campaign)) {
    put(fields, STRING_INDEX.campaign_source, campaign.source)
    put(fields, STRING_INDEX.campaign_medium, campaign.medium)
    put(fields, STRING_INDEX.campaign_name, campaign.name)
  }
  if (isObject(device)) put(fields, STRING_INDEX.device_type, device.type)
  if (isObject(os)) put(fields, STRING_INDEX.os_name, os.name)
  if (isObject(location)) {
    put(fields, STRING_INDEX.country, location.country)
    put(fields, STRING_INDEX.city, location.city)
  }
  put(fields, STRING_INDEX.locale, locale)
}

/** Cuts text without splitting a surrogate pair. */
function cut(text: string): string {
  const end = FIELD_CHARACTERS_MAX
  const code = text.charCodeAt(end - 1)
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? end - 1 : end)
}
