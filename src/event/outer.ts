import type { ErrorValue, IngestRoute } from '../protocol/shards.ts'
import { parseTime } from './clock.ts'
import { isObject } from './fields.ts'
import type { JsonObject, Refusal } from './fields.ts'
import { MERGED_BYTES_MAX } from './limits.ts'
import type { RecordFields } from './record.ts'
import { UNSAFE_NAMES } from './scan.ts'
import type { BodyScan } from './scan.ts'

export interface DecodeRequest {
  readonly route: IngestRoute
  readonly receivedAt: number
  readonly userAgent: string
}

/** What the messages of one body share. */
export interface Outer {
  readonly request: DecodeRequest
  readonly receivedAt: number
  readonly historical: boolean
  /** ms; NaN where the batch has none that can be read. */
  readonly sentAt: number
  readonly context: JsonObject | null
  readonly integrations: JsonObject | null
  /** `,"context":…,"integrations":…}`: ends a message that has neither itself; '' for nothing. */
  readonly tail: string
  /** The text has `\u` escapes. */
  readonly escaped: boolean
  /** The text may hold a name that could reach a prototype. */
  readonly suspicious: boolean
}

/** One message of a body; `start` is -1 where its bytes in the body are not known. */
export interface Item {
  readonly message: JsonObject
  /** The type that counts: the route's, or the message's own. */
  readonly type: unknown
  readonly body: Uint8Array
  readonly start: number
  readonly end: number
}

/** Parts of a body that are the transport's business and not the message's. */
const TRANSPORT_NAMES: ReadonlySet<string> = new Set(['writeKey', 'seq', 'import'])

/** What the messages of a body share; a lone message shares nothing with others. */
export function outerOf(value: JsonObject, request: DecodeRequest, scan: BodyScan): Outer {
  const alone = value.batch === undefined
  const context = !alone && isObject(value.context) ? value.context : null
  const integrations = !alone && isObject(value.integrations) ? value.integrations : null
  let tail = context === null ? '' : `,"context":${JSON.stringify(context)}`
  if (integrations !== null) tail += `,"integrations":${JSON.stringify(integrations)}`
  return {
    request,
    receivedAt: request.receivedAt,
    historical: request.route === 'import' || value.import === true,
    sentAt: alone ? Number.NaN : parseTime(value.sentAt),
    context,
    integrations,
    tail: tail === '' ? '' : `${tail}}`,
    escaped: scan.escaped,
    suspicious: scan.suspicious,
  }
}

/** Why the shared parts make the whole body unacceptable, or null. */
export function outerFault(outer: Outer, items: number, eventBytesMax: number): ErrorValue | null {
  if (outer.tail === '') return null
  const bytes = Buffer.byteLength(outer.tail)
  if (bytes > eventBytesMax) {
    const message =
      `context and integrations of the batch have ${bytes} bytes; ` +
      `an event has at most ${eventBytesMax}`
    return { code: 'ERR_EVENT_SIZE', message }
  }
  if (bytes * items > MERGED_BYTES_MAX) {
    const message =
      `context and integrations of the batch have ${bytes} bytes and go into each of ${items} ` +
      `events; at most ${MERGED_BYTES_MAX} bytes may come of that: send smaller batches`
    return { code: 'ERR_EVENT_SIZE', message }
  }
  if (!outer.suspicious) return null
  const unsafe = unsafeName(outer.context) ?? unsafeName(outer.integrations)
  return unsafe === null ? null : { code: unsafe.code, message: unsafe.reason }
}

/** The first name that could reach a prototype when somebody merges the message carelessly. */
export function unsafeName(value: unknown): Refusal | null {
  if (typeof value !== 'object' || value === null) return null
  for (const name of Object.keys(value)) {
    if (UNSAFE_NAMES.has(name)) {
      return { code: 'ERR_EVENT_NAME_UNSAFE', reason: `the name "${name}" is not allowed` }
    }
    const inner = unsafeName((value as JsonObject)[name])
    if (inner !== null) return inner
  }
  return null
}

/** The message's context together with the batch's; its own parts win. */
export function contextOf(message: JsonObject, outer: Outer): JsonObject | null {
  const own = isObject(message.context) ? message.context : null
  if (outer.context === null || own === null) return own ?? outer.context
  return { ...outer.context, ...own }
}

/**
 * Puts the message's JSON into the record: its own bytes where nothing about it changes or something
 * is only added at its end, else text made anew. `type` is the canonical type.
 */
export function takeJson(
  fields: RecordFields,
  item: Item,
  canonical: { type: string; context: JsonObject | null },
  outer: Outer,
): void {
  const { message, start, end } = item
  const own = message.type
  const asReceived =
    start >= 0 &&
    (own === canonical.type || own === undefined) &&
    message.writeKey === undefined &&
    message.seq === undefined &&
    message.import === undefined &&
    (outer.context === null || message.context === undefined) &&
    (outer.integrations === null || message.integrations === undefined)
  if (!asReceived) {
    fields.messageStart = 0
    fields.messageEnd = 0
    fields.message = JSON.stringify(mergedMessage(message, canonical, outer))
    return
  }
  const tail = own === undefined ? `,"type":"${canonical.type}"}` : outer.tail
  fields.messageBytes = item.body
  fields.messageStart = start
  fields.messageEnd = tail === '' ? end : end - 1
  fields.message = tail
}

/** The message with what it inherits, its canonical type, and without the transport's parts. */
function mergedMessage(
  message: JsonObject,
  canonical: { type: string; context: JsonObject | null },
  outer: Outer,
): JsonObject {
  const merged: JsonObject = { ...originalOf(message, outer), type: canonical.type }
  if (outer.context !== null) merged.context = canonical.context
  return merged
}

/** A refused message as it can be sent again alone: with what it inherits, without the key. */
export function originalOf(message: JsonObject, outer: Outer): JsonObject {
  const kept = Object.entries(message).filter(([name]) => !TRANSPORT_NAMES.has(name))
  const original = Object.fromEntries(kept)
  if (outer.context !== null) original.context = contextOf(message, outer)
  if (outer.integrations !== null) {
    const own = isObject(message.integrations) ? message.integrations : {}
    original.integrations = { ...outer.integrations, ...own }
  }
  return original
}
