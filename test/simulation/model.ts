import { isAcknowledged, keyOf } from './messages.ts'
import type { Message } from './messages.ts'

/** A rename that the product decided: the profile of one user belongs to another from then on. */
export interface Decision {
  readonly from: string
  readonly to: string
  /** Where it is written, for reports. */
  readonly position: string
}

/** A login: from when an anonymous id may be a user's. */
interface Claim {
  readonly message: Message
  readonly user: string
  /** Whether it surely binds the id: an alias of an id that nobody knows binds nothing. */
  readonly sure: boolean
}

/**
 * What identity ought to be, by the rules alone; it knows nothing of how the product keeps it.
 *
 * An anonymous id belongs to nobody until the first login decides: then its history and what follows
 * are that user's. A later login as somebody else takes what follows. `alias(u→v)` makes the whole
 * profile of u's root belong to v's root. Where messages race, every order is allowed that is
 * consistent with who was answered before whom was sent. The order in which renames were decided is
 * read from the product, and whether each was legal is judged here.
 */
export class IdentityModel {
  private readonly messages: readonly Message[]
  private readonly parents = new Map<string, string>()
  private readonly decided = new Set<string>()
  private readonly undoneDevices = new Set<string>()
  /** Whether any rename was undone: an alias that was acknowledged need not hold then. */
  undone = false

  constructor(messages: readonly Message[]) {
    this.messages = messages
  }

  rootOf(user: string): string {
    let at = user
    for (let hops = 0; hops <= this.parents.size; hops++) {
      const next = this.parents.get(at)
      if (next === undefined) return at
      at = next
    }
    return at
  }

  /** Takes a rename that the product decided; returns what is wrong with it, or null. */
  decide({ from, to, position }: Decision): string | null {
    const name = `${from}→${to}`
    if (this.decided.has(name)) return null
    this.decided.add(name)
    const what = `rename ${name} at ${position}`
    if (this.rootOf(to) === from) return `${what} closes a circle`
    const before = this.parents.get(from)
    if (before !== undefined) return `${what}, but ${from} belongs to ${before} already`
    if (!this.wasAsked(from, to)) return `${what} was asked for by nobody`
    this.parents.set(from, to)
    return null
  }

  /** A rename was undone: the user is somebody again. */
  undo(user: string): void {
    const to = this.parents.get(user)
    if (to !== undefined) this.decided.delete(`${user}→${to}`)
    this.parents.delete(user)
    this.undone = true
  }

  /**
   * The join of a device, or of a user who has it, was undone once: its events may be its own, or of any
   * user whom it logged in as. What stories of undos check exactly is left open here.
   */
  undoDevice(key: string): void {
    this.undoneDevices.add(key)
  }

  /** The users and devices of whom the message may be now, as keys. */
  ownersOf(message: Message, claims: ReadonlyMap<string, readonly Claim[]>): ReadonlySet<string> {
    if (message.user !== null) return new Set([`user:${this.rootOf(message.user)}`])
    const own = keyOf(message)
    const owners = new Set<string>()
    const logins = claims.get(message.anonymous ?? '') ?? []
    const certain = logins.filter((login) => login.sure && isAcknowledged(login.message))
    if (certain.length === 0 || this.undoneDevices.has(own)) owners.add(own)
    for (const login of logins) {
      if (this.undoneDevices.has(own) || governs(login, message, certain))
        owners.add(`user:${this.rootOf(login.user)}`)
    }
    return owners
  }

  /** All logins by anonymous id. */
  claims(): ReadonlyMap<string, readonly Claim[]> {
    const found = new Map<string, Claim[]>()
    for (const message of this.messages) {
      const device = deviceOf(message)
      if (device === null || message.user === null || message.refused !== null) continue
      if (message.sentAt === Number.POSITIVE_INFINITY) continue
      const claim = { message, user: message.user, sure: this.bindsSurely(message, device) }
      found.set(device, [...(found.get(device) ?? []), claim])
    }
    return found
  }

  /** Aliases of users that were acknowledged and must hold. */
  *renamesThatHold(): Generator<Message> {
    if (this.undone) return
    for (const message of this.messages) {
      if (message.type !== 'alias' || message.previousIsDevice) continue
      if (isAcknowledged(message) && message.refused === null) yield message
    }
  }

  private bindsSurely(message: Message, device: string): boolean {
    if (message.type === 'identify') return true
    return this.messages.some(
      (other) =>
        other.user === null &&
        other.anonymous === device &&
        other.acknowledgedAt < message.sentAt &&
        other.refused === null,
    )
  }

  private wasAsked(from: string, to: string): boolean {
    const target = this.rootOf(to)
    return this.messages.some((message) => {
      if (message.type !== 'alias' || message.previous === null || message.user === null)
        return false
      if (message.sentAt === Number.POSITIVE_INFINITY) return false
      return this.rootOf(message.previous) === from && this.rootOf(message.user) === target
    })
  }
}

export type { Claim }

/** The anonymous id that a message binds to its user, or null. */
function deviceOf(message: Message): string | null {
  if (message.type === 'identify') return message.anonymous
  return message.type === 'alias' && message.previousIsDevice ? message.previous : null
}

/** Whether some order that is consistent with the answers has this login decide whose the message is. */
function governs(login: Claim, message: Message, certain: readonly Claim[]): boolean {
  const { sentAt, acknowledgedAt } = login.message
  const couldBeLast =
    sentAt < message.acknowledgedAt &&
    !certain.some(
      ({ message: other }) =>
        other.sentAt > acknowledgedAt && other.acknowledgedAt < message.sentAt,
    )
  if (couldBeLast) return true
  // The first login takes the history: what was there before any.
  const couldBeFirst = !certain.some(({ message: other }) => other.acknowledgedAt < sentAt)
  return (
    couldBeFirst && !certain.some(({ message: other }) => other.acknowledgedAt < message.sentAt)
  )
}
