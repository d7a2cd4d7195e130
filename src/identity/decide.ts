import { formatKey, sameKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { HISTORY_MAX, LINKS_MAX, OLD_RENAMES_MAX, RENAMES_MAX } from './limits.ts'
import type { Identity } from './transition.ts'

/** What a profile that is to be joined brings along. */
export interface JoinWeight {
  /** Ids, its own among them. */
  readonly links: number
  readonly records: number
}

export type Decision =
  /** Nothing changes; the event goes to its own key. */
  | { readonly kind: 'stays' }
  | { readonly kind: 'joins' }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }

const JOINS: Decision = { kind: 'joins' }
const STAYS: Decision = { kind: 'stays' }

/**
 * An anonymous id's own shard decides: the first login takes its history along, a later one as
 * somebody else only what follows; one as the same user changes nothing.
 */
export function decideLogin(state: Identity, user: ProfileKey): Decision {
  return state.forward !== null && sameKey(state.forward, user) ? STAYS : JOINS
}

/**
 * Whether a profile may take another in: bounds are on the side that grows, and refuse before anything
 * is decided.
 * @param held what joins on their way here were promised already
 */
export function admit(
  target: { readonly links: readonly ProfileKey[]; readonly records: number },
  source: ProfileKey,
  weight: JoinWeight,
  held: JoinWeight,
): Decision {
  const known = target.links.some((link) => sameKey(link, source))
  const links = target.links.length + held.links + (known ? 0 : weight.links)
  if (links > LINKS_MAX) {
    const reason = `${LINKS_MAX} ids may be joined to one profile; with this one it would have ${links}`
    return { kind: 'refused', code: 'ERR_IDENTITY_LINKS', reason }
  }
  const records = target.records + held.records + weight.records
  if (records > HISTORY_MAX && weight.records > 0) {
    const reason = `a joined profile may have ${HISTORY_MAX} events; both together have ${records}`
    return { kind: 'refused', code: 'ERR_IDENTITY_HISTORY', reason }
  }
  return JOINS
}

/** The forest of renames, as the one shard that keeps it sees it. */
export interface Forest {
  /** Where a user was renamed to; null for a root. */
  renamedTo(user: ProfileKey): ProfileKey | null
  /** Height of the tree below a user. */
  height(user: ProfileKey): number
}

export type RenameDecision =
  | Exclude<Decision, { kind: 'joins' }>
  | {
      readonly kind: 'renames'
      readonly root: ProfileKey
      readonly to: ProfileKey
      readonly height: number
    }

/**
 * `alias(user → to)`: the roots of both are joined, and the later name's stays. The first journalled
 * of two opposite ones wins, for the other finds one tree: no cycle can arise.
 */
export function decideRename(forest: Forest, user: ProfileKey, to: ProfileKey): RenameDecision {
  const root = rootOf(forest, user)
  const target = rootOf(forest, to)
  if (sameKey(root, target)) return { kind: 'stays' }
  const height = Math.max(forest.height(target), forest.height(root) + 1)
  if (height > RENAMES_MAX) {
    const reason = `${formatKey(root)} would be the end of more than ${RENAMES_MAX} renames in a row`
    return { kind: 'refused', code: 'ERR_IDENTITY_FORWARDS', reason }
  }
  return { kind: 'renames', root, to: target, height }
}

function rootOf(forest: Forest, user: ProfileKey): ProfileKey {
  let at = user
  // Chains that were made before there was a bound are longer than it.
  for (let hops = 0; hops <= OLD_RENAMES_MAX; hops++) {
    const next = forest.renamedTo(at)
    if (next === null) return at
    at = next
  }
  throw new Error(`the forest of renames is deeper than ${OLD_RENAMES_MAX}`)
}

/** The number after the colon of `shard:sequence`; -1 of ''. */
export function sequenceOf(position: string): number {
  return position === '' ? -1 : Number(position.slice(position.indexOf(':') + 1))
}

/** Whether a slice is above everything that is journalled of what came from its source. */
export function isNewSlice(
  { links, givers = [], heard = [] }: Pick<Identity, 'links' | 'givers' | 'heard'>,
  source: ProfileKey,
  command: { readonly position: string; readonly slice: number; readonly back: boolean },
): boolean {
  const { position, slice, back } = command
  const from = back ? givers : [...heard, ...links]
  const known = from.findLast((link) => link.source !== '' && sameKey(link, source))
  if (known === undefined) return true
  const [had, has] = [sequenceOf(known.source), sequenceOf(position)]
  return has > had || (has === had && slice >= (known.slices ?? 1))
}
