/** Limits that an operator may set. */
export interface IngestLimits {
  readonly eventBytesMax: number
  readonly batchEventsMax: number
}

export const DEFAULT_LIMITS: IngestLimits = { eventBytesMax: 32_768, batchEventsMax: 2_500 }

export function ingestLimits(settings: IngestLimits): IngestLimits {
  return { eventBytesMax: settings.eventBytesMax, batchEventsMax: settings.batchEventsMax }
}

/**
 * Bytes that the outer `context` and `integrations` of one body may become, written into all of its
 * messages: a small body must not turn into a huge journal entry.
 */
export const MERGED_BYTES_MAX = 16_777_216
/** Deepest nesting of a message. */
export const JSON_DEPTH_MAX = 32
/** Characters of userId, anonymousId, groupId, previousId. */
export const ID_CHARACTERS_MAX = 256
/** Segment deduplicates message ids of fewer than 100 characters. */
export const MESSAGE_ID_CHARACTERS_MAX = 99
export const EVENT_NAME_CHARACTERS_MAX = 200
/** A record's text fields are cut to this length; the message itself keeps them whole. */
export const FIELD_CHARACTERS_MAX = 512
export const PRODUCTS_MAX = 500
/** Largest magnitude of a number that traits take. */
export const NUMBER_MAX = 1e12

/** Ids that software sends where it has none; all shoppers without an id would become one. */
export const BLOCKED_IDS: ReadonlySet<string> = new Set([
  '',
  '0',
  '-1',
  'null',
  'undefined',
  'none',
  'nil',
  'nan',
  'true',
  'false',
  'anonymous',
  'guest',
  'unknown',
  'n/a',
  '[object object]',
  '00000000-0000-0000-0000-000000000000',
])
