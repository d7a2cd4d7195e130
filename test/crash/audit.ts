import { ORDER, VIEW } from './cluster.ts'
import type { Cluster, Entry } from './cluster.ts'
import type { Category } from './failures.ts'
import type { ProfileId } from './identity-ledger.ts'
import type { Profile, ProfileEvent, ProfileSource } from './profile-reader.ts'

export type Report = (category: Category, subject: string, detail: string) => void

export interface AuditOptions {
  /** Compares `?at=now` with the live profile, which costs a fold of the history. */
  readonly timeTravel: boolean
}

/** A message where it was found. */
interface Sighting {
  readonly root: ProfileId
  readonly event: ProfileEvent
}

/** One profile of a cluster, as it was read. */
interface Read {
  readonly root: ProfileId
  readonly profile: Profile
  readonly events: readonly ProfileEvent[]
}

/**
 * Compares what the server tells of a cluster with what its ledger expects. Nothing of the cluster may
 * be under way. Takes from the answers who won a race, once.
 */
export async function auditCluster(
  cluster: Cluster,
  source: ProfileSource,
  report: Report,
  options: AuditOptions,
): Promise<void> {
  const roots = await findRoots(cluster, source, report)
  const reads: Read[] = []
  for (const id of roots) {
    const profile = await source.profile(id)
    // One that was joined to another answers with that one's.
    if (profile === null || reads.some(({ root }) => root === profile.id)) continue
    reads.push({ root: profile.id, profile, events: await source.events(profile.id) })
  }
  const sightings = sightingsOf(reads)
  for (const entry of cluster.entries.values()) {
    judgeEntry(cluster, entry, sightings.get(entry.messageId) ?? [], report)
  }
  for (const [messageId, [{ root }]] of sightings) {
    if (!cluster.entries.has(messageId)) report('misplaced', messageId, `is in ${root}`)
  }
  for (const read of reads) {
    judgeCounts(read, report)
    if (cluster.stuck) continue
    judgePortrait(cluster, read, report)
    if (options.timeTravel) await judgeTimeTravel(read, source, report)
  }
}

/** Asks each id whose profile it is; all that answer, and all that should. */
async function findRoots(
  cluster: Cluster,
  source: ProfileSource,
  report: Report,
): Promise<ReadonlySet<ProfileId>> {
  const { identity } = cluster
  const roots = new Set<ProfileId>()
  const expected = new Set(
    cluster.acknowledged().flatMap((entry) => [...identity.ownersOf(entry.origin)]),
  )
  for (const id of [...identity.users, ...identity.devices]) {
    const found = (await source.profile(id))?.id ?? null
    const homes = identity.homesOf(id)
    for (const home of homes) roots.add(home)
    if (found !== null) roots.add(found)
    if (cluster.stuck) continue
    if (found === null) {
      const missed = [...homes].filter((home) => expected.has(home))
      if (missed.length > 0)
        report('misplaced', id, `is unknown, belongs to ${missed.join(' or ')}`)
    } else if (!homes.has(found)) {
      report('misplaced', id, `is ${found}, belongs to ${[...homes].join(' or ')}`)
    } else if (id.startsWith('user:')) identity.settle(id, found)
  }
  return roots
}

function sightingsOf(reads: readonly Read[]): ReadonlyMap<string, readonly Sighting[]> {
  const sightings = new Map<string, Sighting[]>()
  for (const { root, events } of reads) {
    for (const event of events) {
      const messageId = event.message.messageId ?? `without an id at ${event.position}`
      const known = sightings.get(messageId)
      if (known === undefined) sightings.set(messageId, [{ root, event }])
      else known.push({ root, event })
    }
  }
  return sightings
}

function judgeEntry(
  cluster: Cluster,
  entry: Entry,
  sightings: readonly Sighting[],
  report: Report,
): void {
  const { messageId, state } = entry
  const places = sightings.map(({ root, event }) => `${root} at ${event.position}`).join(', ')
  if (sightings.length > 1) return report('doubled', messageId, `is in ${places}`)
  if (state === 'refused' && sightings.length > 0) {
    return report('phantom', messageId, `was refused and is in ${places}`)
  }
  if (state !== 'acknowledged') return
  const owners = cluster.identity.ownersOf(entry.origin)
  const belongs = [...owners].join(' or ')
  if (sightings.length === 0) {
    return report('lost', messageId, `${entry.type} of ${entry.origin.id}, belongs to ${belongs}`)
  }
  if (cluster.stuck || owners.has(sightings[0].root)) return
  report('misplaced', messageId, `is in ${places}, belongs to ${belongs}`)
}

/** Traits against the profile's own events. */
function judgeCounts({ root, profile, events }: Read, report: Report): void {
  const orders = events.filter(({ message }) => message.event === ORDER)
  const views = events.filter(({ message }) => message.event === VIEW)
  const said = {
    events: events.length,
    views: views.length,
    views_30d: views.length,
    logins: events.filter(({ type }) => type === 'identify').length,
    orders: orders.length,
    spend: orders.reduce((sum, { message }) => sum + (message.properties?.revenue ?? 0), 0),
  }
  const found: Readonly<Record<string, number>> = { ...profile.behaviour, ...profile.consumption }
  for (const [trait, value] of Object.entries(said)) {
    if (found[trait] === value) continue
    report('counts', root, `${trait} is ${found[trait]}, its events say ${value}`)
  }
}

/** First seen, attributes and links, against the ledger. */
function judgePortrait(cluster: Cluster, { root, profile, events }: Read, report: Report): void {
  const first = events.reduce((least, { time }) => (time < least ? time : least), '9')
  if (profile.firstSeenAt !== first) {
    report('portrait', `${root} first seen`, `is ${profile.firstSeenAt}, its events say ${first}`)
  }
  const names = namesOf(cluster, events)
  const name = profile.attributes.name ?? null
  if (!names.has(name)) {
    const said = [...names].join(' or ')
    report('portrait', `${root} name`, `is ${String(name)}, the latest event says ${said}`)
  }
  const allowed = cluster.identity.joinedTo(root)
  const links = profile.links.map(({ id }) => id)
  const strange = links.filter((id, i) => !allowed.has(id) || links.indexOf(id) !== i)
  const missing = mustJoin(cluster, root).filter((id) => !links.includes(id))
  if (strange.length > 0) report('portrait', `${root} links`, `names ${strange.join(', ')}`)
  if (missing.length > 0) report('portrait', `${root} no links`, `lacks ${missing.join(', ')}`)
}

/** The name that the latest of a profile's events sets; several that are of one instant. */
function namesOf(cluster: Cluster, events: readonly ProfileEvent[]): ReadonlySet<unknown> {
  const naming = events.flatMap(({ message, time }) => {
    const entry = cluster.entries.get(message.messageId ?? '')
    return entry?.attributes.name === undefined ? [] : [{ entry, time }]
  })
  if (naming.length === 0) return new Set([null])
  const latest = naming.reduce((a, b) => (timeOf(b.entry) > timeOf(a.entry) ? b : a))
  const sameTime = naming.filter(({ time }) => time === latest.time)
  return new Set(sameTime.map(({ entry }) => entry.attributes.name))
}

/** Order of event times: history by its time, then what happened now by its answers. */
function timeOf({ historyTime, answered }: Entry): number {
  return historyTime ?? Number.MAX_SAFE_INTEGER - 1e9 + answered
}

/** Ids that were joined to this profile with events of theirs. */
function mustJoin({ joined, identity }: Cluster, root: ProfileId): ProfileId[] {
  return [...joined].filter((id) => {
    const owners = identity.ownersOf({ id, loginsMin: 0, loginsMax: 0 })
    return id !== root && owners.size === 1 && owners.has(root)
  })
}

/** Live and `?at=now` are one profile. */
async function judgeTimeTravel(
  { root }: Read,
  source: ProfileSource,
  report: Report,
): Promise<void> {
  const before = await source.profile(root)
  const travelled = await source.profile(root, Date.now())
  const after = await source.profile(root)
  if (before === null || after === null) return
  const [first, then, last] = [before, travelled, after].map(timeless)
  // A timer fired in between.
  if (first !== last || then === last) return
  report('timeTravel', root, `live ${last}, at=now ${then}`)
}

/** Machines and what follows from them may be a tick of the timers late. */
function timeless(profile: Profile | null): string {
  if (profile === null) return 'nothing'
  const { firstSeenAt, attributes, behaviour, consumption } = profile
  return JSON.stringify({ firstSeenAt, attributes, behaviour, consumption })
}
