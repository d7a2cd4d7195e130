import { eventTimeOf } from './clock.ts'
import { isObject, setString, takeProperties } from './fields.ts'
import type { JsonObject, Refusal } from './fields.ts'
import {
  BLOCKED_IDS,
  EVENT_NAME_CHARACTERS_MAX,
  ID_CHARACTERS_MAX,
  MESSAGE_ID_CHARACTERS_MAX,
} from './limits.ts'
import type { Outer } from './outer.ts'
import { KEY_KIND, MESSAGE_TYPES } from './record.ts'
import type { RecordFields } from './record.ts'
import { eventCodeOf } from './vocabulary.ts'

/** Index into MESSAGE_TYPES by type, or by the browser's short form of it. */
const TYPE_INDEX: ReadonlyMap<unknown, number> = new Map(
  MESSAGE_TYPES.flatMap((type, i) => [[type, i] as const, [type.slice(0, 1), i] as const]),
)

const TRACK = MESSAGE_TYPES.indexOf('track')
const PAGE = MESSAGE_TYPES.indexOf('page')
const SCREEN = MESSAGE_TYPES.indexOf('screen')
const GROUP = MESSAGE_TYPES.indexOf('group')
const ALIAS = MESSAGE_TYPES.indexOf('alias')
const BLOCKED_LENGTHS: ReadonlySet<number> = new Set([...BLOCKED_IDS].map((id) => id.length))
const LONE_SURROGATE = /\p{Surrogate}/u

/** Takes type, key, ids, time and what is particular to the type; the first fault ends it. */
export function takeMessage(
  fields: RecordFields,
  message: JsonObject,
  type: unknown,
  outer: Outer,
): Refusal | null {
  const known = TYPE_INDEX.get(type)
  if (known === undefined) return badType(type)
  fields.type = known
  return (
    takeKey(fields, message, outer) ??
    takeMessageId(fields, message) ??
    takeTime(fields, message, outer) ??
    takeBody(fields, message, outer)
  )
}

function badType(type: unknown): Refusal {
  const allowed = `allowed: ${MESSAGE_TYPES.join(', ')}`
  const found = type === 'merge' ? 'merge, which is not supported' : describe(type)
  return { code: 'ERR_EVENT_TYPE', reason: `type is ${found}; ${allowed}` }
}

/**
 * `userId` is the key, else `anonymousId`. An `anonymousId` that stands for no id is dropped beside
 * a `userId`: the event is the user's all the same.
 */
function takeKey(fields: RecordFields, message: JsonObject, outer: Outer): Refusal | null {
  const userId = idOf(message.userId, outer)
  if (typeof userId === 'object') return named('userId', userId)
  let anonymousId = idOf(message.anonymousId, outer)
  if (typeof anonymousId === 'object') {
    if (userId === '' || anonymousId.code !== 'ERR_EVENT_ID_BLOCKED') {
      return named('anonymousId', anonymousId)
    }
    anonymousId = ''
  }
  if (userId === '' && (anonymousId === '' || fields.type === ALIAS)) return noId(fields)
  fields.keyKind = userId === '' ? KEY_KIND.anonymous : KEY_KIND.user
  fields.key = userId === '' ? anonymousId : userId
  if (anonymousId !== '') setString(fields, 'anonymous_id', anonymousId)
  return null
}

function noId(fields: RecordFields): Refusal {
  const alias = fields.type === ALIAS
  const reason = alias ? 'alias needs a userId' : 'a message needs a userId or an anonymousId'
  return { code: 'ERR_EVENT_ID_MISSING', reason }
}

function named(name: string, refusal: Refusal): Refusal {
  return { code: refusal.code, reason: `${name} ${refusal.reason}` }
}

/** The id as text; '' where there is none. */
function idOf(value: unknown, outer: Outer): string | Refusal {
  if (value === undefined || value === null || value === '') return ''
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string') {
    return badId(`must be text or a whole number, found ${describe(value)}`)
  }
  if (text.length > ID_CHARACTERS_MAX) {
    return badId(`has ${text.length} characters; at most ${ID_CHARACTERS_MAX} are allowed`)
  }
  // Valid UTF-8 holds no surrogates: only an escape can make one.
  if (outer.escaped && LONE_SURROGATE.test(text)) return badId('has half of a surrogate pair')
  const trimmed = text.trim()
  if (BLOCKED_LENGTHS.has(trimmed.length) && BLOCKED_IDS.has(trimmed.toLowerCase())) {
    const reason = `${JSON.stringify(text)} is what software sends where it has no id`
    return { code: 'ERR_EVENT_ID_BLOCKED', reason }
  }
  return text
}

function badId(reason: string): Refusal {
  return { code: 'ERR_EVENT_ID', reason }
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
  const time = eventTimeOf(message, outer)
  if (typeof time === 'object') return time
  fields.eventTime = time
  fields.arrivalTime = outer.historical ? time : outer.receivedAt
  return null
}

/** What is particular to a message type. */
function takeBody(fields: RecordFields, message: JsonObject, outer: Outer): Refusal | null {
  const { type } = fields
  if (type === TRACK) return takeTrack(fields, message)
  if (type === PAGE || type === SCREEN) return takePage(fields, message)
  if (type === ALIAS) return takePreviousId(fields, message, outer)
  if (type === GROUP) {
    const group = idOf(message.groupId, outer)
    if (typeof group === 'object') return named('groupId', group)
    if (group === '') return { code: 'ERR_EVENT_GROUP_ID', reason: 'group needs a groupId' }
    setString(fields, 'group_id', group)
  }
  return takeTraits(fields, message.traits)
}

function takePreviousId(fields: RecordFields, message: JsonObject, outer: Outer): Refusal | null {
  const previous = idOf(message.previousId, outer)
  if (typeof previous === 'object') return named('previousId', previous)
  if (previous === '' || previous === fields.key) {
    const reason = previous === '' ? 'alias needs a previousId' : 'previousId equals userId'
    return { code: 'ERR_EVENT_PREVIOUS_ID', reason }
  }
  setString(fields, 'previous_id', previous)
  return null
}

function takeTrack(fields: RecordFields, message: JsonObject): Refusal | null {
  const { event, properties } = message
  if (typeof event !== 'string' || event === '') {
    return { code: 'ERR_EVENT_NAME', reason: `track needs an event name, found ${describe(event)}` }
  }
  if (event.length > EVENT_NAME_CHARACTERS_MAX) {
    const most = `at most ${EVENT_NAME_CHARACTERS_MAX} are allowed`
    const reason = `the event name has ${event.length} characters; ${most}`
    return { code: 'ERR_EVENT_NAME', reason }
  }
  fields.eventCode = eventCodeOf(event)
  if (fields.eventCode === 0) fields.name = event
  return takeMap(fields, properties)
}

function takePage(fields: RecordFields, message: JsonObject): Refusal | null {
  if (typeof message.name === 'string')
    fields.name = message.name.slice(0, EVENT_NAME_CHARACTERS_MAX)
  const fault = takeMap(fields, message.properties)
  setString(fields, 'category', message.category)
  return fault
}

function takeMap(fields: RecordFields, properties: unknown): Refusal | null {
  if (properties === undefined || properties === null) return null
  if (isObject(properties)) return takeProperties(fields, properties)
  const reason = `properties must be an object, found ${describe(properties)}`
  return { code: 'ERR_EVENT_SHAPE', reason }
}

function takeTraits(fields: RecordFields, traits: unknown): Refusal | null {
  if (traits === undefined || traits === null) return null
  if (!isObject(traits)) {
    return {
      code: 'ERR_EVENT_SHAPE',
      reason: `traits must be an object, found ${describe(traits)}`,
    }
  }
  const address = isObject(traits.address) ? traits.address : null
  setString(fields, 'country', traits.country ?? address?.country)
  setString(fields, 'city', traits.city ?? address?.city)
  return null
}

/** The value as short JSON, for a reason. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  return (JSON.stringify(value) ?? typeof value).slice(0, 60)
}
