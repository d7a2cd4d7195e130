import type { Hash64 } from './hash.ts'

/**
 * The canonical binary form of an event: the record.
 *
 * A record is little-endian, self-contained (no dictionary), a multiple of 8 bytes, and is copied
 * unchanged from decoder to shard to journal. Layout (byte offset, type, field):
 *
 * ```
 *   0 u32 byteLength        whole record, padded to 8
 *   4 u8  kind              RECORD_KIND
 *   5 u8  type              MESSAGE_TYPES index (events only)
 *   6 u16 flags             RECORD_FLAG bits
 *   8 f64 eventTime         ms since 1970
 *  16 f64 arrivalTime       ms since 1970
 *  24 f64 previousSequence  the profile's previous record in this shard, -1 for none
 *  32 u32 keyHashLow        36 u32 keyHashHigh
 *  40 u32 messageHashLow    44 u32 messageHashHigh   both 0: no message id
 *  48 u16 eventCode         vocabulary index + 1, 0 for a custom name
 *  50 u8  keyKind           KEY_KIND
 *  51 u8  originKind        KEY_KIND of the key it came under, with RECORD_FLAG.origin; else 0
 *  52 u16 keyBytes          54 u16 messageIdBytes    56 u16 nameBytes    58 u16 productCount
 *  60 u32 numberMask        bit i: NUMBER_FIELDS[i] is present
 *  64 u32 stringMask        bit i: STRING_FIELDS[i] is present
 *  68 u32 messageBytes      JSON of the message as received (after batch merge)
 *  72 f64[popcount(numberMask)] in ascending bit order
 *     key, messageId, event name: UTF-8
 *     strings in ascending bit order: u16 length, UTF-8
 *     products: f64 price, f64 quantity (NaN: absent), then u16 length + UTF-8 for
 *               product_id, category, brand
 *     message JSON: UTF-8
 *     with RECORD_FLAG.origin: u16 length, UTF-8 of the key it came under
 *     zero padding to a multiple of 8
 * ```
 */

/**
 * Between the arrivals of records that came in the same millisecond, so that their order can be told;
 * as fine as a double tells instants of this century.
 */
export const ARRIVAL_STEP_MS = 1 / 4096

export const RECORD_HEADER_BYTES = 72

/**
 * - `event`: a fact from a collector
 * - `timer`: due instants up to its event time were fired for a silent shopper
 * - `forward`: a join: the profile's events go to the key in `name` (`user:…`) from here on
 * - `forwardConfirmed`: the target of a forward has journalled what it moves
 * - `import`: ends a run of `imported` records, which came from the key in `name`
 * - `refold`: the profile is folded again here, from all its records in order of arrival
 * - `decided`: a joining event was seen that changed nothing; remembers its message id
 * - `split`: records that came under some keys were given back; they are no longer folded
 * - `restored`: a join was undone: the profile's events stay with it from here on
 * - `linked`: an event that came under the key in `name` is here; that key's join is on its way
 *
 * The messages of those from `forward` on are in `src/identity/notes.ts`.
 */
export const RECORD_KIND = {
  event: 1,
  timer: 2,
  forward: 3,
  forwardConfirmed: 4,
  import: 5,
  refold: 6,
  decided: 7,
  split: 8,
  restored: 9,
  linked: 10,
} as const

/** `rename` is a user's place in the forest of renames, which one shard keeps. */
export const KEY_KIND = { user: 1, anonymous: 2, rename: 3 } as const
export type KeyKind = (typeof KEY_KIND)[keyof typeof KEY_KIND]

export const RECORD_FLAG = {
  /** The user agent names a bot. */
  bot: 1,
  /** Arrival time was taken from the event time (history import). */
  historical: 2,
  /** Moved here from another profile by a join. */
  imported: 4,
  /** Came under another key, which is kept. */
  origin: 8,
  /** Came after records that arrived later: folded only when the profile is folded again. */
  late: 16,
} as const

export const MESSAGE_TYPES = ['track', 'identify', 'page', 'screen', 'group', 'alias'] as const
export type MessageType = (typeof MESSAGE_TYPES)[number]

/** Numeric properties that the fold reads without parsing JSON. At most 32. */
export const NUMBER_FIELDS = [
  'price',
  'quantity',
  'revenue',
  'total',
  'subtotal',
  'value',
  'tax',
  'shipping',
  'discount',
  'position',
  'rating',
  'step',
] as const
export type NumberField = (typeof NUMBER_FIELDS)[number]

/** String properties that the fold reads without parsing JSON. At most 32. */
export const STRING_FIELDS = [
  'anonymous_id',
  'previous_id',
  'group_id',
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
  'path',
  'url',
  'referrer',
  'referring_domain',
  'campaign_source',
  'campaign_medium',
  'campaign_name',
  'device_type',
  'os_name',
  'country',
  'city',
  'locale',
  'payment_method',
] as const
export type StringField = (typeof STRING_FIELDS)[number]

export interface RecordProduct {
  readonly price: number
  readonly quantity: number
  readonly productId: string
  readonly category: string
  readonly brand: string
}

/** What a decoder hands to {@link RecordWriter.append}; reused between events by the decoder. */
export interface RecordFields {
  kind: number
  type: number
  flags: number
  eventTime: number
  arrivalTime: number
  keyKind: KeyKind
  key: string
  /** '' for none. */
  messageId: string
  /** Vocabulary index + 1, or 0 and `name`. */
  eventCode: number
  /** The custom event's name, or a page's; '' where `eventCode` says it. */
  name: string
  numberMask: number
  /** Indexed by NUMBER_FIELDS position. */
  numbers: Float64Array
  stringMask: number
  /** Indexed by STRING_FIELDS position. */
  strings: string[]
  products: RecordProduct[]
  /** First part of the message's JSON: UTF-8 in `[messageStart, messageEnd)`; may be empty. */
  messageBytes: Uint8Array
  messageStart: number
  messageEnd: number
  /** The message's JSON, or what of it follows {@link messageBytes}. */
  message: string
  /** {@link hashKey} of kind and key where the caller has it; 0,0 where the writer makes it. */
  keyHash: Hash64
}

const NO_BYTES = new Uint8Array(0)

export function createRecordFields(): RecordFields {
  return {
    kind: RECORD_KIND.event,
    type: 0,
    flags: 0,
    eventTime: 0,
    arrivalTime: 0,
    keyKind: KEY_KIND.user,
    key: '',
    messageId: '',
    eventCode: 0,
    name: '',
    numberMask: 0,
    numbers: new Float64Array(NUMBER_FIELDS.length),
    stringMask: 0,
    strings: STRING_FIELDS.map(() => ''),
    products: [],
    messageBytes: NO_BYTES,
    messageStart: 0,
    messageEnd: 0,
    message: '',
    keyHash: { low: 0, high: 0 },
  }
}
