import type { ErrorValue, IngestRoute } from '../protocol/shards.ts'
import { BotCheck } from './bot.ts'
import { eventTimeOf } from './clock.ts'
import { fillRevenue, isObject, setString, takeContext, takeProperties } from './fields.ts'
import type { JsonObject, Refusal } from './fields.ts'
import {
  BLOCKED_IDS,
  EVENT_NAME_CHARACTERS_MAX,
  ID_CHARACTERS_MAX,
  JSON_DEPTH_MAX,
  MESSAGE_ID_CHARACTERS_MAX,
} from './limits.ts'
import type { IngestLimits } from './limits.ts'
import {
  KEY_KIND,
  MESSAGE_TYPES,
  RECORD_FLAG,
  RECORD_KIND,
  createRecordFields,
  hashKey,
  shardOfHash,
} from './record.ts'
import type { MessageType, RecordFields, RecordWriter } from './record.ts'
import { eventCodeOf } from './vocabulary.ts'

export interface DecodeSink {
  /** One a shard; accepted records are appended to the writer of the shard they go to. */
  readonly writers: readonly RecordWriter[]
  accepted(item: number, shard: number, recordOffset: number): void
  rejected(item: number, code: string, reason: string, original: unknown): void
}

export interface DecodedFrame {
  /** The frame's `seq`, where it had one. */
  readonly sequence: number | null
  readonly items: number
  /** The whole body is refused. */
  readonly error: ErrorValue | null
}

export interface DecodeRequest {
  readonly route: IngestRoute
  readonly receivedAt: number
  readonly userAgent: string
}

/** What the items of one body share. */
interface Outer {
  readonly request: DecodeRequest
  readonly historical: boolean
  readonly sentAt: unknown
  readonly context: JsonObject | null
  readonly integrations: JsonObject | null
  /** Whether the text holds a name that could reach a prototype. */
  readonly suspicious: boolean
}

const TYPE_INDEX: ReadonlyMap<string, number> = new Map(MESSAGE_TYPES.map((type, i) => [type, i]))
const SHORT_TYPES: Readonly<Record<string, MessageType>> = {
  t: 'track',
  i: 'identify',
  p: 'page',
  s: 'screen',
  g: 'group',
  a: 'alias',
}
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/**
 * Decodes bodies of Segment messages into records: one message, or `{"batch":[…],"seq":n}` with an
 * outer `context` and `integrations` that the items inherit. Bad items are refused one by one with a
 * code; the rest is accepted. Never throws for bad input. Single-threaded: it reuses its record
 * fields.
 *
 * Source: Segment HTTP tracking API; e-commerce spec v2.
 */
export class FrameDecoder {
  private readonly shardCount: number
  private readonly limits: IngestLimits
  private readonly fields: RecordFields = createRecordFields()
  private readonly bots = new BotCheck()

  constructor(options: { shardCount: number; limits: IngestLimits }) {
    this.shardCount = options.shardCount
    this.limits = options.limits
  }

  decode(body: Uint8Array, request: DecodeRequest, sink: DecodeSink): DecodedFrame {
    const parsed = parse(body)
    if ('code' in parsed) return { sequence: null, items: 0, error: parsed }
    const { value, text } = parsed
    if (!isObject(value)) {
      const message = 'the body must be a JSON object: a message, or {"batch":[…]}'
      return { sequence: null, items: 0, error: { code: 'ERR_BODY_SHAPE', message } }
    }
    const sequence = typeof value.seq === 'number' ? value.seq : null
    const outer = outerOf(value, text, request)
    const { batch } = value
    if (batch === undefined) return this.decodeSingle(value, { text, body }, outer, sink)
    if (!Array.isArray(batch)) {
      const error = { code: 'ERR_BODY_SHAPE', message: '"batch" must be an array of messages' }
      return { sequence, items: 0, error }
    }
    if (batch.length > this.limits.batchEventsMax) {
      const message = `a batch has at most ${this.limits.batchEventsMax} events, found ${batch.length}`
      return { sequence, items: 0, error: { code: 'ERR_BATCH_LENGTH', message } }
    }
    for (let i = 0; i < batch.length; i++) this.decodeItem(batch[i], i, outer, sink)
    return { sequence, items: batch.length, error: null }
  }

  private decodeSingle(
    value: JsonObject,
    raw: { text: string; body: Uint8Array },
    outer: Outer,
    sink: DecodeSink,
  ): DecodedFrame {
    const { route } = outer.request
    const sequence = typeof value.seq === 'number' ? value.seq : null
    if (route === 'batch' || route === 'import') {
      const error = { code: 'ERR_BODY_SHAPE', message: `/v1/${route} takes {"batch":[…]}` }
      return { sequence, items: 0, error }
    }
    const own = { ...outer, context: null, integrations: null, sentAt: undefined }
    const type = route === 'stream' ? value.type : route
    const json = sequence === null && 'type' in value ? raw.text : null
    this.decodeMessage(value, type, 0, { ...own, json }, sink)
    return { sequence, items: 1, error: null }
  }

  private decodeItem(item: unknown, index: number, outer: Outer, sink: DecodeSink): void {
    if (!isObject(item)) {
      const reason = `a message is an object, found ${describe(item)}`
      return sink.rejected(index, 'ERR_EVENT_SHAPE', reason, item)
    }
    if (outer.context !== null && !isObject(item.context)) {
      item.context = outer.context
    } else if (outer.context !== null) {
      item.context = { ...outer.context, ...(item.context as JsonObject) }
    }
    if (outer.integrations !== null) {
      const own = isObject(item.integrations) ? item.integrations : {}
      item.integrations = { ...outer.integrations, ...own }
    }
    this.decodeMessage(item, item.type, index, { ...outer, json: null }, sink)
  }

  private decodeMessage(
    message: JsonObject,
    type: unknown,
    index: number,
    outer: Outer & { json: string | null },
    sink: DecodeSink,
  ): void {
    const refusal = this.fill(message, type, outer)
    if (refusal !== null) return sink.rejected(index, refusal.code, refusal.reason, message)
    const { fields } = this
    if (fields.message.length > this.limits.eventBytesMax / 4) {
      const bytes = Buffer.byteLength(fields.message)
      if (bytes > this.limits.eventBytesMax) {
        const reason = `the event has ${bytes} bytes; at most ${this.limits.eventBytesMax} are allowed`
        return sink.rejected(index, 'ERR_EVENT_SIZE', reason, fields.message.slice(0, 1024))
      }
    }
    const shard = this.shardFor(fields)
    sink.accepted(index, shard, sink.writers[shard].append(fields))
  }

  /** Fills the reused record fields from a message; the first fault ends it. */
  private fill(
    message: JsonObject,
    type: unknown,
    outer: Outer & { json: string | null },
  ): Refusal | null {
    const { fields } = this
    fields.kind = RECORD_KIND.event
    fields.flags = outer.historical ? RECORD_FLAG.historical : 0
    fields.numberMask = 0
    fields.stringMask = 0
    fields.products = []
    fields.eventCode = 0
    fields.name = ''
    const unsafe = outer.suspicious ? unsafeName(message) : null
    if (unsafe !== null) return unsafe
    const known = typeof type === 'string' ? TYPE_INDEX.get(SHORT_TYPES[type] ?? type) : undefined
    if (known === undefined) return badType(type)
    fields.type = known
    return (
      takeKey(fields, message) ??
      takeMessageId(fields, message) ??
      takeTime(fields, message, outer) ??
      takeBody(fields, message) ??
      this.takeRest(fields, message, type as string, outer)
    )
  }

  private takeRest(
    fields: RecordFields,
    message: JsonObject,
    type: string,
    outer: Outer & { json: string | null },
  ): null {
    const { context } = message
    let userAgent = outer.request.userAgent
    if (isObject(context)) {
      takeContext(fields, context)
      if (typeof context.userAgent === 'string') userAgent = context.userAgent
    }
    if (this.bots.isBot(userAgent)) fields.flags |= RECORD_FLAG.bot
    fillRevenue(fields)
    message.type = SHORT_TYPES[type] ?? type
    fields.message = outer.json ?? JSON.stringify(message)
    return null
  }

  /** An event that may join two profiles goes to the shard of the profile that it names first. */
  private shardFor(fields: RecordFields): number {
    const type = MESSAGE_TYPES[fields.type]
    const joins = fields.keyKind === KEY_KIND.user && (type === 'identify' || type === 'alias')
    const previous = !joins ? '' : fields.strings[type === 'alias' ? PREVIOUS_ID : ANONYMOUS_ID]
    const present = joins && (fields.stringMask & (1 << (type === 'alias' ? PREVIOUS_ID : ANONYMOUS_ID))) !== 0
    if (this.shardCount === 1) return 0
    const hash = present ? hashKey(KEY_KIND.anonymous, previous) : hashKey(fields.keyKind, fields.key)
    return shardOfHash(hash.high, this.shardCount)
  }
}

const ANONYMOUS_ID = 0
const PREVIOUS_ID = 1

function parse(body: Uint8Array): { value: unknown; text: string } | ErrorValue {
  let text: string
  try {
    text = decoder.decode(body)
  } catch {
    return { code: 'ERR_BODY_UTF8', message: 'the body is not valid UTF-8' }
  }
  if (tooDeep(text)) {
    return { code: 'ERR_BODY_DEPTH', message: `the body is nested deeper than ${JSON_DEPTH_MAX} levels` }
  }
  try {
    return { value: JSON.parse(text) as unknown, text }
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : 'not JSON'
    return { code: 'ERR_BODY_JSON', message: `the body is not JSON: ${reason}` }
  }
}

/** Counts brackets outside of strings, and only when there are enough of them to matter. */
function tooDeep(text: string): boolean {
  let depth = 0
  let inString = false
  let opened = 0
  for (let at = text.indexOf('{'); at >= 0 && opened <= JSON_DEPTH_MAX; at = text.indexOf('{', at + 1)) opened++
  for (let at = text.indexOf('['); at >= 0 && opened <= JSON_DEPTH_MAX; at = text.indexOf('[', at + 1)) opened++
  if (opened <= JSON_DEPTH_MAX) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === 92) i++
      else if (code === 34) inString = false
    } else if (code === 34) inString = true
    else if (code === 123 || code === 91) {
      if (++depth > JSON_DEPTH_MAX) return true
    } else if (code === 125 || code === 93) depth--
  }
  return false
}

function outerOf(value: JsonObject, text: string, request: DecodeRequest): Outer {
  return {
    request,
    historical: request.route === 'import' || value.import === true,
    sentAt: value.sentAt,
    context: isObject(value.context) ? value.context : null,
    integrations: isObject(value.integrations) ? value.integrations : null,
    suspicious: text.includes('__proto__') || text.includes('prototype') || text.includes('constructor'),
  }
}

/** Own keys that could reach a prototype when somebody merges the message carelessly. */
function unsafeName(value: unknown): Refusal | null {
  if (typeof value !== 'object' || value === null) return null
  for (const name of Object.keys(value)) {
    if (name === '__proto__' || name === 'constructor' || name === 'prototype') {
      return { code: 'ERR_EVENT_NAME_UNSAFE', reason: `the name "${name}" is not allowed` }
    }
    const inner = unsafeName((value as JsonObject)[name])
    if (inner !== null) return inner
  }
  return null
}

function badType(type: unknown): Refusal {
  const found = describe(type)
  const reason = `type is ${found}; allowed: ${MESSAGE_TYPES.join(', ')}`
  return { code: 'ERR_EVENT_TYPE', reason }
}

function takeKey(fields: RecordFields, message: JsonObject): Refusal | null {
  const userId = idOf(message.userId)
  const anonymousId = idOf(message.anonymousId)
  if (typeof userId === 'object') return { ...userId, reason: `userId ${userId.reason}` }
  if (typeof anonymousId === 'object') return { ...anonymousId, reason: `anonymousId ${anonymousId.reason}` }
  if (userId === '' && anonymousId === '') {
    return { code: 'ERR_EVENT_ID_MISSING', reason: 'a message needs a userId or an anonymousId' }
  }
  fields.keyKind = userId === '' ? KEY_KIND.anonymous : KEY_KIND.user
  fields.key = userId === '' ? anonymousId : userId
  setString(fields, 'anonymous_id', anonymousId)
  return null
}

/** The id as text; '' where there is none. */
function idOf(value: unknown): string | Refusal {
  if (value === undefined || value === null || value === '') return ''
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string') {
    return { code: 'ERR_EVENT_ID', reason: `must be text or a whole number, found ${describe(value)}` }
  }
  if (text.length > ID_CHARACTERS_MAX) {
    return { code: 'ERR_EVENT_ID', reason: `has ${text.length} characters; at most ${ID_CHARACTERS_MAX} are allowed` }
  }
  if (BLOCKED_IDS.has(text.trim().toLowerCase())) {
    return { code: 'ERR_EVENT_ID_BLOCKED', reason: `${JSON.stringify(text)} is what software sends where it has no id` }
  }
  return text
}

function takeMessageId(fields: RecordFields, message: JsonObject): Refusal | null {
  const { messageId } = message
  fields.messageId = ''
  if (messageId === undefined || messageId === null || messageId === '') return null
  if (typeof messageId === 'string' && messageId.length <= MESSAGE_ID_CHARACTERS_MAX) {
    fields.messageId = messageId
    return null
  }
  const reason = `messageId must be text of at most ${MESSAGE_ID_CHARACTERS_MAX} characters`
  return { code: 'ERR_EVENT_MESSAGE_ID', reason }
}

function takeTime(fields: RecordFields, message: JsonObject, outer: Outer): Refusal | null {
  const { receivedAt } = outer.request
  const time = eventTimeOf(message, outer.sentAt, receivedAt, outer.historical)
  if (typeof time === 'object') return time
  fields.eventTime = time
  fields.arrivalTime = outer.historical ? time : receivedAt
  return null
}

/** What is particular to a message type. */
function takeBody(fields: RecordFields, message: JsonObject): Refusal | null {
  const type = MESSAGE_TYPES[fields.type]
  if (type === 'track') return takeTrack(fields, message)
  if (type === 'page' || type === 'screen') return takePage(fields, message)
  if (type === 'alias') {
    const previous = idOf(message.previousId)
    if (typeof previous === 'object') return { ...previous, reason: `previousId ${previous.reason}` }
    if (previous === '') return { code: 'ERR_EVENT_PREVIOUS_ID', reason: 'alias needs a previousId' }
    setString(fields, 'previous_id', previous)
    return null
  }
  if (type === 'group') {
    const group = idOf(message.groupId)
    if (typeof group === 'object') return { ...group, reason: `groupId ${group.reason}` }
    if (group === '') return { code: 'ERR_EVENT_GROUP_ID', reason: 'group needs a groupId' }
    setString(fields, 'group_id', group)
  }
  return takeTraits(fields, message.traits)
}

function takeTrack(fields: RecordFields, message: JsonObject): Refusal | null {
  const { event, properties } = message
  if (typeof event !== 'string' || event === '') {
    return { code: 'ERR_EVENT_NAME', reason: `track needs an event name, found ${describe(event)}` }
  }
  if (event.length > EVENT_NAME_CHARACTERS_MAX) {
    const reason = `the event name has ${event.length} characters; at most ${EVENT_NAME_CHARACTERS_MAX} are allowed`
    return { code: 'ERR_EVENT_NAME', reason }
  }
  fields.eventCode = eventCodeOf(event)
  if (fields.eventCode === 0) fields.name = event
  return takeMap(fields, properties, 'properties')
}

function takePage(fields: RecordFields, message: JsonObject): Refusal | null {
  if (typeof message.name === 'string') fields.name = message.name.slice(0, EVENT_NAME_CHARACTERS_MAX)
  const fault = takeMap(fields, message.properties, 'properties')
  setString(fields, 'category', message.category)
  return fault
}

function takeMap(fields: RecordFields, value: unknown, what: string): Refusal | null {
  if (value === undefined || value === null) return null
  if (!isObject(value)) {
    return { code: 'ERR_EVENT_SHAPE', reason: `${what} must be an object, found ${describe(value)}` }
  }
  return takeProperties(fields, value)
}

function takeTraits(fields: RecordFields, traits: unknown): Refusal | null {
  if (traits === undefined || traits === null) return null
  if (!isObject(traits)) {
    return { code: 'ERR_EVENT_SHAPE', reason: `traits must be an object, found ${describe(traits)}` }
  }
  const { address } = traits
  setString(fields, 'country', traits.country ?? (isObject(address) ? address.country : undefined))
  setString(fields, 'city', traits.city ?? (isObject(address) ? address.city : undefined))
  return null
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  return (JSON.stringify(value) ?? typeof value).slice(0, 60)
}

