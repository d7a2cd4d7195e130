/** Who is whom, as a client may expect it from what was acknowledged. */

/** `user:x` or `anonymous:x`, as in the routes of profiles. */
export type ProfileId = string

/** Users joined by aliases, and the profile that has them all. */
interface Component {
  readonly users: Set<ProfileId>
  /** One of these is the profile; several where aliases raced and no answer has told the winner. */
  roots: ReadonlySet<ProfileId>
  /** Longest chain of forwards, at most. */
  height: number
}

interface Device {
  /** Users it logged in as, each time another one; those whose answer is due included. */
  readonly logins: ProfileId[]
  /** How many of {@link logins} are acknowledged. */
  acknowledged: number
}

/** Where an event belongs: a user; or a device, between two counts of its logins. */
export interface Origin {
  readonly id: ProfileId
  readonly loginsMin: number
  loginsMax: number
}

/**
 * The joins of one cluster of ids, under the semantics of docs/runtime-semantics.md: a device's events
 * go to its first user until it logs in as another one, what follows goes to that one; an alias joins
 * the profiles of both users, the later name stays; what is one profile already stays as it is.
 * Invariant: each user is in exactly one component. A join is entered when it is acknowledged, a login
 * also when it begins (an event sent meanwhile may go either way).
 */
export class IdentityLedger {
  readonly #components = new Map<ProfileId, Component>()
  readonly #devices = new Map<ProfileId, Device>()

  get users(): Iterable<ProfileId> {
    return this.#components.keys()
  }

  get devices(): Iterable<ProfileId> {
    return this.#devices.keys()
  }

  addUser(id: ProfileId): void {
    if (this.#components.has(id)) return
    this.#components.set(id, { users: new Set([id]), roots: new Set([id]), height: 0 })
  }

  addDevice(id: ProfileId): void {
    if (!this.#devices.has(id)) this.#devices.set(id, { logins: [], acknowledged: 0 })
  }

  /** Where an event belongs that is sent under this id now. */
  originOf(id: ProfileId): Origin {
    const device = this.#devices.get(id)
    return { id, loginsMin: device?.acknowledged ?? 0, loginsMax: device?.logins.length ?? 0 }
  }

  /** The event was answered: logins that began meanwhile may have come before it. */
  closeOrigin(origin: Origin): void {
    origin.loginsMax = Math.max(origin.loginsMin, this.#devices.get(origin.id)?.logins.length ?? 0)
  }

  beginLogin(device: ProfileId, user: ProfileId): void {
    const { logins } = this.#device(device)
    if (logins.at(-1) !== user) logins.push(user)
  }

  endLogin(device: ProfileId, accepted: boolean): void {
    const entry = this.#device(device)
    if (!accepted) entry.logins.length = entry.acknowledged
    entry.acknowledged = entry.logins.length
  }

  /** The last user the device logged in as. */
  loginOf(device: ProfileId): ProfileId | null {
    return this.#device(device).logins.at(-1) ?? null
  }

  /** Upper bound of the forwards in a row that an alias makes. */
  heightAfter(previous: ProfileId, next: ProfileId): number {
    const [from, to] = [this.#component(previous), this.#component(next)]
    return from === to ? from.height : Math.max(to.height, from.height + 1)
  }

  /** `previous` is now called `next`. */
  alias(previous: ProfileId, next: ProfileId): void {
    const [from, to] = [this.#component(previous), this.#component(next)]
    if (from !== to) this.#merge(from, to, to.roots)
  }

  /** Aliases that were under way at the same time: which came first is not known. */
  aliasAtOnce(pairs: readonly (readonly [ProfileId, ProfileId])[]): void {
    for (const [previous, next] of pairs) {
      const [from, to] = [this.#component(previous), this.#component(next)]
      if (from !== to) this.#merge(from, to, new Set([...from.roots, ...to.roots]))
    }
  }

  /** The profile that has this user's events; several while a race is not settled. */
  rootsOf(user: ProfileId): ReadonlySet<ProfileId> {
    return this.#component(user).roots
  }

  /** An answer has told who won. */
  settle(user: ProfileId, root: ProfileId): void {
    this.#component(user).roots = new Set([root])
  }

  /** Profiles that may have an event of this origin. */
  ownersOf(origin: Origin): ReadonlySet<ProfileId> {
    const device = this.#devices.get(origin.id)
    if (device === undefined) return this.rootsOf(origin.id)
    const { logins } = device
    if (logins.length === 0) return new Set([origin.id])
    const first = Math.min(Math.max(origin.loginsMin, 1), logins.length)
    const last = Math.min(Math.max(origin.loginsMax, 1), logins.length)
    return new Set(logins.slice(first - 1, last).flatMap((user) => [...this.rootsOf(user)]))
  }

  /** Profiles that may answer for this id. */
  homesOf(id: ProfileId): ReadonlySet<ProfileId> {
    if (!this.#devices.has(id)) return this.rootsOf(id)
    const user = this.loginOf(id)
    return user === null ? new Set([id]) : this.rootsOf(user)
  }

  /** Ids that may be named as joined to this profile. */
  joinedTo(root: ProfileId): ReadonlySet<ProfileId> {
    const ids = new Set<ProfileId>()
    for (const user of this.users) if (user !== root && this.rootsOf(user).has(root)) ids.add(user)
    for (const [id, { logins }] of this.#devices) {
      if (logins.some((user) => this.rootsOf(user).has(root))) ids.add(id)
    }
    return ids
  }

  #merge(from: Component, to: Component, roots: ReadonlySet<ProfileId>): void {
    to.height = Math.max(to.height, from.height + 1)
    to.roots = roots
    for (const user of from.users) {
      to.users.add(user)
      this.#components.set(user, to)
    }
  }

  #component(user: ProfileId): Component {
    const component = this.#components.get(user)
    if (component === undefined) throw new Error(`${user} is not a user of this cluster`)
    return component
  }

  #device(id: ProfileId): Device {
    const device = this.#devices.get(id)
    if (device === undefined) throw new Error(`${id} is not a device of this cluster`)
    return device
  }
}
