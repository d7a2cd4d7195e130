import { RECORD_KIND } from '../../src/event/record.ts'
import type { FromShard } from '../../src/protocol/shard-messages.ts'
import { recoverCopy } from './copies.ts'
import type { FreshFold } from './copies.ts'
import type { SimulatedDisk } from './disk.ts'
import { JournalView, positionOf } from './journal-view.ts'
import type { ViewedRecord } from './journal-view.ts'
import { isAcknowledged, keyOf } from './messages.ts'
import type { Message } from './messages.ts'
import { IdentityModel } from './model.ts'
import type { PlainValues } from './values.ts'
import type { World } from './world.ts'

/** What `docs/runtime-semantics.md` promises, in the order in which it is checked. */
export const PROMISES = [
  'starts',
  'buffers',
  'quiet',
  'acknowledged is durable',
  'turns are bounded',
  'each forward has one import',
  'joins end',
  'what is undone comes back',
  'renames are legal',
  'renames hold',
  'acknowledged is present',
  'acknowledged is present once',
  'not acknowledged is present at most once',
  'events are where they belong',
  'ids are joined',
  'order per connection and key',
  'order of logins and what follows',
  'values are right',
  'live = fold',
  'live = at now',
  'live = recovered',
] as const
export type Promised = (typeof PROMISES)[number]

export interface Broken {
  readonly promise: Promised
  readonly what: string
}

/** Of one promise that many messages break, so many are told. */
const TOLD_MAX = 3

/** A profile as the product answers it. */
export interface LiveAnswer {
  readonly key: string
  readonly live: string
  readonly atNow: string
}

/** Everything that the checks look at, at a quiet point. */
export interface Quiet {
  readonly world: World
  readonly view: JournalView
  readonly messages: readonly Message[]
  readonly nowMs: number
  readonly answers: readonly LiveAnswer[]
  readonly fresh: FreshFold
  readonly values: PlainValues
  /** Whether shards are recovered over copies of the disks as well, which takes long. */
  readonly recovers: boolean
}

/** All that is checked at a quiet point, but for what compares profiles. */
export function checkJournals(quiet: Quiet): Broken[] {
  quiet.view.refresh()
  const model = new IdentityModel(quiet.messages)
  for (const { origins } of quiet.view.restored) for (const id of origins) model.undoDevice(id)
  const presence = presenceOf(quiet.view)
  return [
    ...eachForwardHasOneImport(quiet.view),
    ...joinsEnd(quiet.view),
    ...undoneComesBack(quiet.view),
    ...renamesAreLegal(quiet.view, model),
    ...renamesHold(model),
    ...acknowledgedIsPresentOnce(quiet, presence),
    ...eventsAreWhereTheyBelong(quiet, presence, model),
    ...orderPerConnectionAndKey(quiet),
  ]
}

export function checkProfiles(quiet: Quiet): Broken[] {
  return [...oneProfileHoweverReached(quiet), ...idsAreJoined(quiet)]
}

/**
 * An acknowledgement means that the events are in the journal and synced: when an answer leaves a
 * shard, every record up to its positions is on the durable disks, without a gap.
 */
export class AcknowledgedIsDurable {
  private readonly disks: readonly SimulatedDisk[]
  /** Blocks of each shard seen so far, and where the records without a gap end. */
  private readonly seen: number[]
  private readonly ends: number[]

  constructor(disks: readonly SimulatedDisk[]) {
    this.disks = disks
    this.seen = disks.map(() => 0)
    this.ends = disks.map(() => 0)
  }

  check(messages: readonly FromShard[]): Broken | null {
    for (const message of messages) {
      if (message.type !== 'ingested' || message.reply.position === '') continue
      for (const part of message.reply.position.split(',')) {
        const [shard, sequence] = part.split(':').map(Number)
        const end = this.endOf(shard)
        if (end > sequence) continue
        const what = `an answer names ${part}, the disk has all records before ${end} only`
        return { promise: 'acknowledged is durable', what }
      }
    }
    return null
  }

  private endOf(shard: number): number {
    const { keys, values } = this.disks[shard].tables.journal
    for (; this.seen[shard] < keys.length; this.seen[shard]++) {
      const key = keys[this.seen[shard]]
      const value = values.get(key)
      if (key !== this.ends[shard] || value === undefined) break
      this.ends[shard] += new DataView(value.buffer, value.byteOffset).getUint32(8, true)
    }
    return this.ends[shard]
  }
}

/** A join moves its records once, whatever crashes between forward and import. */
export function eachForwardHasOneImport(view: JournalView): Broken[] {
  const imports = new Map<string, number>()
  for (const { source, last } of view.imports) {
    if (last) imports.set(source, (imports.get(source) ?? 0) + 1)
  }
  // A rename is carried out by a forward of the user's own.
  for (const { source } of view.forwards) {
    if (source !== '') imports.set(source, (imports.get(source) ?? 0) + 1)
  }
  const wrong = view.forwards.filter((forward) => {
    return forward.moves && imports.get(positionOf(forward)) !== 1
  })
  return told('each forward has one import', wrong, (forward) => {
    const times = imports.get(positionOf(forward)) ?? 0
    return `${forward.key} was forwarded to ${forward.name} at ${positionOf(forward)} and imported ${times} times`
  })
}

/** No join stays pending for ever. */
export function joinsEnd(view: JournalView): Broken[] {
  const confirmed = new Set(view.confirmations.map(({ shard, of }) => `${shard}:${of}`))
  const begun = [...view.forwards, ...view.splits, ...view.restored]
  const open = begun.filter((record) => record.moves && !confirmed.has(positionOf(record)))
  return told('joins end', open, (record) => {
    return `what ${record.key} began at ${positionOf(record)} was never confirmed`
  })
}

/** An undone join is carried out, and whoever gives records back gives them once. */
export function undoneComesBack(view: JournalView): Broken[] {
  const carriedOut = new Set([...view.splits, ...view.restored].map(({ source }) => source))
  const lost = view.restored.filter((record) => {
    return record.moves && !carriedOut.has(positionOf(record))
  })
  const imports = new Map<string, number>()
  for (const { source, last } of view.imports) {
    if (last) imports.set(source, (imports.get(source) ?? 0) + 1)
  }
  const wrong = view.splits.filter((split) => split.moves && imports.get(positionOf(split)) !== 1)
  return [
    ...told('what is undone comes back', lost, (record) => {
      return `the join of ${record.key} was undone at ${positionOf(record)}, and nobody did anything`
    }),
    ...told('what is undone comes back', wrong, (split) => {
      const times = imports.get(positionOf(split)) ?? 0
      return `${split.key} gave back to ${split.name} at ${positionOf(split)}, which came ${times} times`
    }),
  ]
}

/** Renames of users are decided one after another: none closes a circle, none is invented. */
export function renamesAreLegal(view: JournalView, model: IdentityModel): Broken[] {
  const renames = [...view.forwards, ...view.restored]
    .filter(({ key }) => key.startsWith('rename:'))
    .sort((a, b) => a.order - b.order)
  const faults: string[] = []
  for (const record of renames) {
    if (record.kind === RECORD_KIND.restored) {
      model.undo(record.key.slice('rename:'.length))
      continue
    }
    const fault = model.decide({
      from: record.key.slice('rename:'.length),
      to: record.name.slice(5),
      position: positionOf(record),
    })
    if (fault !== null) faults.push(fault)
  }
  return told('renames are legal', faults, (fault) => fault)
}

/** An alias that was acknowledged holds: both are one person. */
export function renamesHold(model: IdentityModel): Broken[] {
  const apart = [...model.renamesThatHold()].filter(({ user, previous }) => {
    return model.rootOf(user ?? '') !== model.rootOf(previous ?? '')
  })
  return told('renames hold', apart, ({ id, user, previous }) => {
    return `alias ${id} of ${previous} to ${user} was acknowledged, and they are two`
  })
}

type Presence = ReadonlyMap<string, readonly ViewedRecord[]>

/** Where each message is now, by id. */
function presenceOf(view: JournalView): Presence {
  const found = new Map<string, ViewedRecord[]>()
  for (const { records } of view.shoppers.values()) {
    for (const record of records) {
      if (record.kind !== RECORD_KIND.event) continue
      const known = found.get(record.messageId)
      if (known === undefined) found.set(record.messageId, [record])
      else known.push(record)
    }
  }
  return found
}

/** An acknowledged event is there exactly once; one that is not acknowledged at most once. */
export function acknowledgedIsPresentOnce(quiet: Quiet, presence: Presence): Broken[] {
  const lost: string[] = []
  const doubled: string[] = []
  const unsure: string[] = []
  for (const message of quiet.messages) {
    const found = presence.get(message.id) ?? []
    const places = found.map((record) => `${record.key} at ${positionOf(record)}`).join(', ')
    const text = `${describe(message)} is there ${found.length} times: ${places}`
    if (!isAcknowledged(message)) {
      if (found.length > 1) unsure.push(text)
    } else if (found.length === 0) lost.push(text)
    else if (found.length > 1) doubled.push(text)
  }
  return [
    ...told('acknowledged is present', lost, (text) => text),
    ...told('acknowledged is present once', doubled, (text) => text),
    ...told('not acknowledged is present at most once', unsure, (text) => text),
  ]
}

/** An event is in the profile of the person whose it is by the rules of identity, and in no other. */
export function eventsAreWhereTheyBelong(
  { messages }: Quiet,
  presence: Presence,
  model: IdentityModel,
): Broken[] {
  const claims = model.claims()
  const wrong: string[] = []
  for (const message of messages) {
    const found = presence.get(message.id) ?? []
    // One that is there twice is told of elsewhere.
    if (found.length !== 1) continue
    const [record] = found
    const owners = model.ownersOf(message, claims)
    if (owners.has(record.key)) continue
    const wanted = [...owners].join(' or ')
    const logins = (claims.get(message.anonymous ?? '') ?? []).map(({ message: login }) => {
      return `${login.id}→${login.user} [${login.sentAt}, ${login.acknowledgedAt}]`
    })
    wrong.push(
      `${describe(message)} is with ${record.key} at ${positionOf(record)}, belongs to ${wanted}; sent and answered at [${message.sentAt}, ${message.acknowledgedAt}], logins ${logins.join(' ')}`,
    )
  }
  return told('events are where they belong', wrong, (text) => text)
}

/**
 * Events of one connection under one id are applied in the order in which they were sent. Logins and
 * renames go by way of another shard; whether what was sent after one comes after it is told apart.
 */
export function orderPerConnectionAndKey({ view, messages }: Quiet): Broken[] {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const plain: string[] = []
  const joining: string[] = []
  for (const shopper of view.shoppers.values()) {
    const newest = new Map<string, Message>()
    for (const record of byArrival(shopper.records)) {
      const message = byId.get(record.messageId)
      if (message === undefined || !message.clean || message.imported) continue
      if (!isAcknowledged(message)) continue
      for (const kind of isJoining(message) ? ['any'] : ['any', 'plain']) {
        const stream = `${message.connection} ${keyOf(message)} ${kind}`
        const before = newest.get(stream)
        if (before === undefined || before.number < message.number) newest.set(stream, message)
        else {
          const what = `${describe(message)} at ${positionOf(record)} comes after ${describe(before)} in ${shopper.key}`
          ;(kind === 'plain' ? plain : joining).push(what)
        }
      }
    }
  }
  return [
    ...told('order per connection and key', plain, (text) => text),
    ...told('order of logins and what follows', joining, (text) => text),
  ]
}

function byArrival(records: readonly ViewedRecord[]): ViewedRecord[] {
  return [...records].sort((a, b) => a.arrival - b.arrival || a.sequence - b.sequence)
}

function isJoining({ type, anonymous }: Message): boolean {
  return type === 'alias' || (type === 'identify' && anonymous !== null)
}

/** Live, by time travel, folded anew and after a recovery: one profile. */
export function oneProfileHoweverReached(quiet: Quiet): Broken[] {
  const broken: Broken[] = []
  const { world, view, nowMs } = quiet
  const recovered = world.disks.map((disk, shard) => {
    if (!quiet.recovers) return new Map<string, string>()
    const keys = quiet.answers
      .map(({ key }) => key)
      .filter((key) => view.shoppers.get(key)?.shard === shard)
    const options = world.shardOptions(shard)
    return keys.length === 0
      ? new Map<string, string>()
      : recoverCopy(disk, options, { nowMs, keys })
  })
  for (const { key, live, atNow } of quiet.answers) {
    const shopper = view.shoppers.get(key)
    if (shopper === undefined) continue
    const differs = (promise: Promised, other: string, same: (text: string) => string): void => {
      if (same(other) === same(live)) return
      broken.push({ promise, what: `${key}: ${difference(same(live), same(other))}` })
    }
    const again = recovered[shopper.shard].get(key)
    if (again !== undefined) differs('live = recovered', again, (text) => text)
    if (shopper.records.length === 0) continue
    const fault = quiet.values.faultOf(shopper, live)
    if (fault !== null) broken.push({ promise: 'values are right', what: `${key}: ${fault}` })
    differs('live = fold', quiet.fresh.text(shopper, nowMs), bare)
    differs('live = at now', atNow, bare)
  }
  return PROMISES.flatMap((promise) =>
    broken.filter((b) => b.promise === promise).slice(0, TOLD_MAX),
  )
}

/** A profile names the ids that were joined to it, and none that nobody ever used. */
export function idsAreJoined({ messages, answers, view }: Quiet): Broken[] {
  const undone = new Set(view.restored.map(({ key }) => key))
  const model = new IdentityModel(messages)
  renamesAreLegal(view, model)
  if (model.undone) return []
  const links = new Map(answers.map(({ key, live }) => [key, linksOf(live)]))
  const faults: string[] = []
  for (const message of messages) {
    if (message.type !== 'identify' || message.anonymous === null) continue
    if (undone.has(`anonymous:${message.anonymous}`)) continue
    if (!isAcknowledged(message) || message.refused !== null) continue
    const root = `user:${model.rootOf(message.user ?? '')}`
    const known = links.get(root)
    if (known === undefined || known.includes(`anonymous:${message.anonymous}`)) continue
    faults.push(
      `${describe(message)} was acknowledged; the links of ${root} are ${known.join(' ')}`,
    )
  }
  for (const [key, known] of links) {
    const phantom = known.find((id) => id.startsWith('anonymous:u'))
    if (phantom !== undefined) faults.push(`${key} is linked to ${phantom}, a device that is none`)
  }
  return told('ids are joined', faults, (text) => text)
}

export function describe(message: Message): string {
  const { id, type, user, anonymous, previous } = message
  const of = [
    user && `user ${user}`,
    anonymous && `device ${anonymous}`,
    previous && `before ${previous}`,
  ]
  return `${type} ${id} of ${of.filter(Boolean).join(', ')}`
}

function told<T>(promise: Promised, faults: readonly T[], text: (fault: T) => string): Broken[] {
  const some = faults.slice(0, TOLD_MAX).map((fault) => ({ promise, what: text(fault) }))
  const more = faults.length - some.length
  if (more > 0) some.push({ promise, what: `… and ${more} more` })
  return some
}

/** A profile without its position and links, which a fold alone does not have. */
function bare(text: string): string {
  return text.replace(/"position":"[^"]*",/, '').replace(/,"links":\[.*?\]\}$/, '}')
}

function linksOf(text: string): string[] {
  const match = /"links":(\[.*?\])\}$/.exec(text)
  if (match === null) return []
  return (JSON.parse(match[1]) as { id: string }[]).map(({ id }) => id)
}

function difference(live: string, other: string): string {
  let at = 0
  while (at < live.length && live[at] === other[at]) at++
  const from = Math.max(0, at - 30)
  return `live has …${live.slice(from, at + 60)}…, the other …${other.slice(from, at + 60)}…`
}
