import { formatKey, parseKey, sameKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { KEY_KIND, RECORD_KIND } from '../event/record.ts'
import type { RecordCursor } from '../event/record-cursor.ts'
import { FORMER_MAX, SPLITS_MAX } from './limits.ts'
import { readConfirmed, readDecided, readForward, readImport } from './notes.ts'
import { readRestored, readSplit } from './notes.ts'
import type { ImportNote } from './notes.ts'

/** Another id of the same person, and how much of the newest command from there is journalled. */
export interface Link extends ProfileKey {
  /** Position of the newest command from there; '' where none is known. */
  readonly source: string
  readonly slices?: number
  readonly done?: boolean
  readonly time: number
}

export interface Split {
  readonly from: string
  readonly position: string
  /** The profile that it was passed on to; '' where the records were here. */
  readonly to: string
}

/** What a key's row knows of who it is. Lies in the row, so that no checkpoint can miss it. */
export interface Identity {
  /** Where the key's events go; null: they stay. */
  readonly forward: ProfileKey | null
  readonly links: readonly Link[]
  /** Sequences of records whose commands are not confirmed, oldest first. */
  readonly pending: readonly number[]
  /** Sequence of the newest forward or restored record; -1 for none. */
  readonly decided: number
  /** Profiles that the key's events went to before, newest first, and until when. */
  readonly former: readonly { readonly to: ProfileKey; readonly until: number }[]
  /** Rename rows: height of the tree of renames below this user. */
  readonly height?: number
  /** Position of the newest rename that this user's shard has carried out. */
  readonly cause?: string
  /** Profiles that gave records back after an undone join, and the newest command from each. */
  readonly givers?: readonly Link[]
  /** Of ids that were given back, the newest command from each: it may be sent again. */
  readonly heard?: readonly Link[]
  /** Who was given records back, with which command, and who was asked instead; newest last. */
  readonly splits?: readonly Split[]
  /**
   * Of a key that the first format forwarded: sequence of the forward that moved its records, whose
   * arrival nothing vouches for; -1 where none moved any, or they are known to have arrived.
   */
  readonly legacy?: number
}

/** What a transition asks of whoever keeps the profile. */
export type IdentityCommand =
  /** The profile has no records any more. */
  | 'empty'
  /** There are records that are not folded. */
  | 'refold'
  /** The same, and no `refold` record will say when. */
  | 'refoldHere'
  /** The record's command is to be sent, now and after each start, until it is confirmed. */
  | 'send'

type Step = readonly [Identity, readonly IdentityCommand[]]

/**
 * The machine of joins: a key's identity after one more of its records, and what follows from it.
 * Pure: the same for a live turn, recovery and training. Who may decide what is in `decide.ts`; what
 * commands carry is in `src/shard/commands.ts`.
 *
 * Invariant: a sequence is in `pending` from the record that begins a command to the record that says
 * that its target has journalled it.
 */
export function transition(state: Identity, cursor: RecordCursor, sequence: number): Step {
  switch (cursor.kind) {
    case RECORD_KIND.forward:
      return forwarded(state, cursor, sequence)
    case RECORD_KIND.forwardConfirmed:
      return confirmed(state, readConfirmed(cursor.message).of)
    case RECORD_KIND.import:
      return imported(state, parseKey(cursor.name), readImport(cursor.message), cursor.arrivalTime)
    case RECORD_KIND.split:
      return split(state, cursor, sequence)
    case RECORD_KIND.restored:
      return restored(state, cursor, sequence)
    case RECORD_KIND.linked:
      return [linked(state, parseKey(cursor.name), cursor.arrivalTime), []]
    case RECORD_KIND.decided: {
      const note = readDecided(cursor.message)
      return [note === null ? state : { ...state, height: note.height }, []]
    }
    default:
      return [state, []]
  }
}

function forwarded(state: Identity, cursor: RecordCursor, sequence: number): Step {
  const to = parseKey(cursor.name)
  const note = readForward(cursor.message)
  if (note.legacy) return [legacyForward(state, cursor, { sequence, moves: note.moves }), ['empty']]
  const next: Identity = {
    ...healed(state),
    forward: to,
    decided: sequence,
    former: formerOf(state, to, cursor.arrivalTime),
    pending: note.moves ? [...state.pending, sequence] : state.pending,
    ...(note.cause === '' ? {} : { cause: note.cause }),
  }
  return [next, note.moves ? ['empty', 'send'] : ['empty']]
}

/** The first format confirmed some that never arrived, so its confirmations are not believed. */
function legacyForward(
  state: Identity,
  cursor: RecordCursor,
  { sequence, moves }: { readonly sequence: number; readonly moves: boolean },
): Identity {
  const to = parseKey(cursor.name)
  const former = formerOf(state, to, cursor.arrivalTime)
  const next = { ...state, forward: to, decided: sequence, former }
  if (moves) return { ...next, legacy: sequence }
  // That a device without history was forwarded leaves nothing to heal.
  const counts = state.legacy === undefined && cursor.keyKind === KEY_KIND.user
  return counts ? { ...next, legacy: -1 } : next
}

/** What is decided about a key now comes after what is left of its past was settled. */
function healed(state: Identity): Identity {
  const { legacy: _, ...now } = state
  return now
}

function confirmed(state: Identity, of: number | null): Step {
  if (of === null) return [state, []]
  return [{ ...state, pending: state.pending.filter((sequence) => sequence !== of) }, []]
}

function imported(state: Identity, from: ProfileKey, note: ImportNote, time: number): Step {
  const link = { ...from, source: note.source, slices: note.slice + 1, done: note.last, time }
  if (note.back) return [withGiver(state, link), givenBack(state, note)]
  const links = [...state.links.filter((known) => !sameKey(known, from)), link]
  for (const id of note.legacy ? withoutPhantoms(note.links, links) : note.links) {
    const key = parseKey(id)
    if (!isLinked({ links }, key)) links.push({ ...key, source: '', time })
  }
  const folds = note.last && state.forward === null
  const command = note.legacy ? 'refoldHere' : 'refold'
  return [withHeard({ ...state, links }, without(state.heard, [from])), folds ? [command] : []]
}

function linked(state: Identity, id: ProfileKey, time: number): Identity {
  if (isLinked(state, id)) return state
  return { ...state, links: [...state.links, { ...id, source: '', time }] }
}

/** Whether an id was joined to a profile, or to one that was joined to it. */
export function isLinked({ links }: Pick<Identity, 'links'>, id: ProfileKey): boolean {
  return links.some((link) => sameKey(link, id))
}

/** In the first format an alias of a user linked a device of that name too, which there is not. */
function withoutPhantoms(ids: readonly string[], links: readonly Link[]): readonly string[] {
  const users = new Set([...ids, ...links.map(formatKey)])
  return ids.filter((id) => !id.startsWith('anonymous:') || !users.has(`user:${id.slice(10)}`))
}

function withGiver(state: Identity, giver: Link): Identity {
  const others = (state.givers ?? []).filter((known) => !sameKey(known, giver))
  return { ...state, givers: [...others, giver].slice(-SPLITS_MAX) }
}

function givenBack({ forward }: Identity, { last }: ImportNote): readonly IdentityCommand[] {
  return last && forward === null ? ['refold'] : []
}

function split(state: Identity, cursor: RecordCursor, sequence: number): Step {
  const { origins, source, to } = readSplit(cursor.message)
  const gone = origins.map(parseKey)
  const links = without(state.links, gone)
  const heard = state.links.filter((link) => link.source !== '' && !links.includes(link))
  const others = (state.splits ?? []).filter(({ from }) => from !== cursor.name)
  const splits = [...others, { from: cursor.name, position: source, to }].slice(-SPLITS_MAX)
  // What it passes on, it only forgets the ids of.
  const next = withHeard({ ...state, links, splits }, [...without(state.heard, heard), ...heard])
  if (to !== '') return [next, []]
  return [{ ...next, pending: [...state.pending, sequence] }, ['refold', 'send']]
}

function without(links: readonly Link[] = [], keys: readonly ProfileKey[]): readonly Link[] {
  return links.filter((link) => !keys.some((key) => sameKey(link, key)))
}

function withHeard(state: Identity, heard: readonly Link[]): Identity {
  if (heard.length === 0 && state.heard === undefined) return state
  return { ...state, heard: heard.slice(-SPLITS_MAX) }
}

function restored(state: Identity, cursor: RecordCursor, sequence: number): Step {
  const { splits, whole, cause } = readRestored(cursor.message)
  const next: Identity = {
    ...healed(state),
    forward: null,
    decided: sequence,
    former: formerOf(state, null, cursor.arrivalTime),
    pending: splits ? [...state.pending, sequence] : state.pending,
    ...(cause === '' ? {} : { cause }),
  }
  const commands: IdentityCommand[] = []
  if (whole) commands.push('refold')
  if (splits) commands.push('send')
  return [next, commands]
}

function formerOf(state: Identity, to: ProfileKey | null, until: number): Identity['former'] {
  const { forward, former } = state
  if (forward === null || (to !== null && sameKey(forward, to))) return former
  const others = former.filter((known) => !sameKey(known.to, forward))
  return [{ to: forward, until }, ...others].slice(0, FORMER_MAX)
}
