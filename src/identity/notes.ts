import { LimnError } from '../protocol/errors.ts'

/**
 * What records of identity carry in their message, as JSON. Data of the first storage format has
 * notes without `v`; these are read, never written.
 */
export interface ForwardNote {
  /** The target is sent a command: records, links, the event. */
  readonly moves: boolean
  /** Keys that were joined to the source, as `user:…` or `anonymous:…`. */
  readonly links: readonly string[]
  /** The identify or alias that caused it, a record; null where an earlier record holds it. */
  readonly event: Uint8Array<ArrayBuffer> | null
  /** Position of the rename that is carried out here. */
  readonly cause: string
  /** Its records may be with the target already, under their message ids. */
  readonly once?: boolean
  /** Written by the first format: whether its records have arrived is not certain. */
  readonly legacy: boolean
}

export interface ImportNote {
  /** Position of the command that the records came with. */
  readonly source: string
  readonly slice: number
  readonly last: boolean
  readonly links: readonly string[]
  /** The records come back after an undone join; who gives them is not joined. */
  readonly back: boolean
  /** Written by the first format: the profile was folded again at this record. */
  readonly legacy: boolean
}

/** Sequence of the record whose command is confirmed; null: all of the profile (first format). */
export interface ConfirmedNote {
  readonly of: number | null
}

export interface SplitNote {
  /** Position of the command that asked for it. */
  readonly source: string
  /** Keys whose records are given back, the one that gets them first. */
  readonly origins: readonly string[]
  /** The profile was joined to this one, which has the records and is asked in its stead; '' if not. */
  readonly to: string
}

export interface RestoredNote {
  /** The former target is sent a command to give the records back. */
  readonly splits: boolean
  /** Keys whose records come back. */
  readonly origins: readonly string[]
  /** The records of before the join are folded again as they lie here; none come back. */
  readonly whole: boolean
  /** Position of the decision that is carried out here. */
  readonly cause: string
}

export interface DecidedNote {
  /** Rename rows: height of the tree of renames below the user. */
  readonly height: number
}

export function forwardText(note: Omit<ForwardNote, 'legacy'>): string {
  const { moves, links, event, cause, once } = note
  const bytes = event === null ? null : Buffer.from(event).toString('base64')
  return JSON.stringify({ v: 2, moves, links, event: bytes, cause, once })
}

export function readForward(message: string): ForwardNote {
  const none = { links: [], event: null, cause: '' }
  if (message === '') return { ...none, moves: false, legacy: true }
  const note = parse(message)
  if (note.v === undefined) return { ...none, moves: true, legacy: true }
  const { moves, cause, event, once } = note
  if (typeof moves !== 'boolean' || typeof cause !== 'string') throw corrupt(message)
  const bytes = typeof event === 'string' ? new Uint8Array(Buffer.from(event, 'base64')) : null
  const links = texts(note.links, message)
  return { moves, cause, links, event: bytes, once: once === true, legacy: false }
}

export function importText(note: Omit<ImportNote, 'legacy'>): string {
  return JSON.stringify({ v: 2, ...note })
}

export function readImport(message: string): ImportNote {
  const note = parse(message)
  const { source, slice, last } = note
  if (typeof source !== 'string') throw corrupt(message)
  const links = texts(note.links, message)
  if (note.v === undefined)
    return { source, slice: 0, last: true, links, back: false, legacy: true }
  if (typeof slice !== 'number' || typeof last !== 'boolean') throw corrupt(message)
  return { source, slice, last, links, back: note.back === true, legacy: false }
}

export function confirmedText(of: number): string {
  return JSON.stringify({ v: 2, of })
}

export function readConfirmed(message: string): ConfirmedNote {
  if (message === '') return { of: null }
  const { of } = parse(message)
  if (typeof of !== 'number') throw corrupt(message)
  return { of }
}

export function splitText(note: SplitNote): string {
  return JSON.stringify({ v: 2, ...note })
}

export function readSplit(message: string): SplitNote {
  const { source, origins, to } = parse(message)
  if (typeof source !== 'string') throw corrupt(message)
  return { source, origins: texts(origins, message), to: typeof to === 'string' ? to : '' }
}

export function restoredText(note: RestoredNote): string {
  return JSON.stringify({ v: 2, ...note })
}

export function readRestored(message: string): RestoredNote {
  const { splits, origins, whole, cause } = parse(message)
  if (typeof splits !== 'boolean' || typeof whole !== 'boolean') throw corrupt(message)
  if (typeof cause !== 'string') throw corrupt(message)
  return { splits, whole, cause, origins: texts(origins, message) }
}

export function decidedText(note: DecidedNote): string {
  return JSON.stringify({ v: 2, ...note })
}

export function readDecided(message: string): DecidedNote | null {
  if (message === '') return null
  const { height } = parse(message)
  if (typeof height !== 'number') throw corrupt(message)
  return { height }
}

function parse(message: string): Record<string, unknown> {
  let value: unknown = null
  try {
    value = JSON.parse(message)
  } catch (error) {
    throw corrupt(message, error)
  }
  if (typeof value !== 'object' || value === null) throw corrupt(message)
  return value as Record<string, unknown>
}

function texts(value: unknown, message: string): string[] {
  if (!Array.isArray(value)) throw corrupt(message)
  return value.map((text: unknown) => {
    if (typeof text !== 'string') throw corrupt(message)
    return text
  })
}

function corrupt(message: string, cause?: unknown): LimnError {
  const text = `a record of identity says ${message.slice(0, 200)}, which is none of its forms`
  return new LimnError('ERR_STORAGE_CORRUPT', text, { cause })
}
