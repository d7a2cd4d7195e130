import { formatKey, ownerOf, parseKey, sameKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { hashBytes } from '../event/hash.ts'
import { KEY_KIND, RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { MESSAGE_ID_SEED } from '../event/record-writer.ts'
import { admit, decideLogin, decideRename } from '../identity/decide.ts'
import type { Decision, Forest } from '../identity/decide.ts'
import { decidedText, forwardText } from '../identity/notes.ts'
import { FOREST_SHARD } from '../protocol/shard-messages.ts'
import type { JoinRequest } from '../protocol/shard-messages.ts'
import { isAlias, keyOfRecord, previousKey } from '../replay/replayer.ts'
import type { Commands } from './commands.ts'
import type { Healing } from './healing.ts'
import { copyOf } from './turn.ts'
import type { Joining, Place, Turn } from './turn.ts'

/**
 * Decides what an identify or alias joins; the machine that follows is in `src/identity/`.
 *
 * One place decides about each id, and journals what it decides: an anonymous id's own shard, and for
 * renames of users the one that keeps their forest. On the way there the profile that would grow is
 * asked whether it may, so that a refusal comes before anything has happened. A repeat (by its message
 * id) of what was decided here decides nothing again; it goes on to where its event belongs.
 */
export class Joins implements Joining {
  private readonly turn: Turn
  private readonly commands: Commands
  private readonly healing: Healing
  /** Rows → what joins that are on their way to them were promised. */
  private readonly held = new Map<number, { links: number; records: number }>()
  private readonly forest: Forest

  constructor(turn: Turn, commands: Commands, healing: Healing) {
    this.turn = turn
    this.commands = commands
    this.healing = healing
    this.forest = {
      renamedTo: ({ key }) => {
        const to = this.placeOf(key)?.forward ?? null
        return to === null ? null : { kind: KEY_KIND.user, key: to.key }
      },
      height: ({ key }) => this.placeOf(key)?.height ?? 0,
    }
  }

  /** Joins that were admitted and not yet decided or done. */
  get size(): number {
    return this.held.size
  }

  handle(cursor: RecordCursor, place: Place): void {
    if (!this.healing.settled) {
      // Renames of old data are not all known yet, or in a circle.
      const bytes = copyOf(cursor)
      const handle = (): void => this.handle(new RecordCursor().over(bytes).at(0), place)
      return this.healing.whenSettled(place.batch, handle)
    }
    switch (place.stage) {
      case 'link':
        return this.link(cursor, place)
      case 'linkUser':
        return this.linkUser(cursor, place)
      case 'admit':
        return this.admit(cursor, place)
      case 'decide':
        return this.decide(cursor, place)
      case 'rename':
        return this.rename(cursor, place)
      default:
        return this.turn.applyOne(cursor, place)
    }
  }

  keeps(cursor: RecordCursor, place: Place): boolean {
    if (this.healing.settled) return false
    const bytes = copyOf(cursor)
    const next = { ...place, hops: 1 }
    this.healing.whenSettled(place.batch, () => {
      this.turn.applyOne(new RecordCursor().over(bytes).at(0), next)
    })
    return true
  }

  /** At the shard of the anonymous id that the event names. */
  private link(cursor: RecordCursor, place: Place): void {
    const named = previousKey(cursor)
    if (named === null) return this.applyAt(cursor, place)
    const { shard, shardCount, profiles } = this.turn.parts
    const owner = ownerOf(named, shardCount)
    if (owner !== shard) return this.turn.relayTo(owner, copyOf(cursor), place)
    const row = profiles.findKey(named.kind, named.key)
    if (row < 0 && isAlias(cursor)) {
      const user = { kind: KEY_KIND.user, key: named.key }
      const join = this.request(user, keyOfRecord(cursor), -1)
      return this.turn.relay(copyOf(cursor), user, { ...place, stage: 'linkUser', join })
    }
    if (this.isSettled(cursor, named, row, place)) return
    const join = this.request(named, keyOfRecord(cursor), row)
    this.turn.relay(copyOf(cursor), keyOfRecord(cursor), { ...place, stage: 'admit', join })
  }

  /** At the shard of the user that an alias names, then of who that one was renamed to. */
  private linkUser(cursor: RecordCursor, place: Place): void {
    const { profiles } = this.turn.parts
    const source = parseKey(joinOf(place).source)
    const row = profiles.findKey(source.kind, source.key)
    const forward = row < 0 ? null : profiles.forwardOf(row)
    const target = keyOfRecord(cursor)
    if (forward !== null) {
      const join = this.request(forward, target, -1)
      return this.turn.relay(copyOf(cursor), forward, { ...place, stage: 'linkUser', join })
    }
    const join = this.request(source, target, row)
    this.turn.relay(copyOf(cursor), target, { ...place, stage: 'admit', join })
  }

  /** At the shard of the profile that would grow, then of who that one was renamed to. */
  private admit(cursor: RecordCursor, place: Place): void {
    const { profiles } = this.turn.parts
    const join = joinOf(place)
    const target = parseKey(join.target)
    const source = parseKey(join.source)
    const row = profiles.findKey(target.kind, target.key)
    const forward = row < 0 ? null : profiles.forwardOf(row)
    if (row >= 0 && sameKey(target, keyOfRecord(cursor))) this.turn.passThrough(row, cursor)
    if (forward !== null) {
      const further = { ...place, join: { ...join, target: formatKey(forward) } }
      return this.turn.relay(copyOf(cursor), forward, further)
    }
    // Both names are one person's already; or a repeat, which an alias is although by now it reads
    // otherwise: it named a user, and a device has the same id since.
    if (sameKey(source, target) || this.isKnown(cursor)) return this.applyAt(cursor, place)
    const held = this.held.get(row) ?? { links: 0, records: 0 }
    const links = row < 0 ? [] : profiles.identity(row).links
    const records = row < 0 ? 0 : profiles.history(row)
    const decision = admit({ links, records }, source, join, held)
    if (decision.kind === 'refused') return refuse(decision, place)
    this.hold(profiles.ensureKey(target.kind, target.key), join, place)
    if (source.kind === KEY_KIND.anonymous) {
      return this.turn.relay(copyOf(cursor), source, { ...place, stage: 'decide' })
    }
    this.turn.relayTo(FOREST_SHARD, copyOf(cursor), { ...place, stage: 'rename' })
  }

  /** Promises room until it is known what became of the event. */
  private hold(row: number, { links, records }: JoinRequest, place: Place): void {
    const held = this.held.get(row) ?? { links: 0, records: 0 }
    this.held.set(row, { links: held.links + links, records: held.records + records })
    place.batch.whenDone(() => {
      const now = this.held.get(row)
      if (now === undefined) return
      const left = { links: now.links - links, records: now.records - records }
      if (left.links <= 0) this.held.delete(row)
      else this.held.set(row, left)
    })
  }

  /** At the anonymous id's own shard, admitted: the decision. */
  private decide(cursor: RecordCursor, place: Place): void {
    const { profiles } = this.turn.parts
    const source = parseKey(joinOf(place).source)
    const row = profiles.ensureKey(source.kind, source.key)
    if (this.healing.isUncertain(row)) {
      const bytes = copyOf(cursor)
      const decide = (): void => this.decide(new RecordCursor().over(bytes).at(0), place)
      return this.healing.whenHealed(place.batch, decide)
    }
    if (this.isSettled(cursor, source, row, place)) return
    const target = keyOfRecord(cursor)
    const links = profiles.identity(row).links.map(formatKey)
    const event = copyOf(cursor)
    const message = forwardText({ moves: true, links, event, cause: '' })
    const own = { name: formatKey(target), message, messageId: decisionId(cursor) }
    this.commands.begin(row, this.turn.appendOwn(RECORD_KIND.forward, source, own), place)
  }

  /** Whether there is nothing to decide: a repeat, or a login as who it is. Passes the event on. */
  private isSettled(cursor: RecordCursor, source: ProfileKey, row: number, place: Place): boolean {
    const repeated = this.wasDecided(cursor)
    if (!repeated) {
      const { profiles } = this.turn.parts
      if (row < 0) return false
      if (decideLogin(profiles.identity(row), keyOfRecord(cursor)).kind !== 'stays') return false
      const messageId = decisionId(cursor)
      if (messageId !== '') this.turn.appendOwn(RECORD_KIND.decided, source, { messageId })
    }
    this.applyAt(cursor, place)
    return true
  }

  /** At the shard that keeps the forest. */
  private rename(cursor: RecordCursor, place: Place): void {
    const named = previousKey(cursor)
    if (named === null || this.wasDecided(cursor)) return this.applyAt(cursor, place)
    const user = { kind: KEY_KIND.user, key: named.key }
    const decision = decideRename(this.forest, user, keyOfRecord(cursor))
    if (decision.kind === 'refused') return refuse(decision, place)
    if (decision.kind === 'stays') {
      const messageId = decisionId(cursor)
      if (messageId !== '') this.turn.appendOwn(RECORD_KIND.decided, renameKey(user), { messageId })
      return this.applyAt(cursor, place)
    }
    const { root, to, height } = decision
    const event = copyOf(cursor)
    const message = forwardText({ moves: true, links: [], event, cause: '' })
    const own = { name: formatKey(to), message, messageId: decisionId(cursor) }
    const sequence = this.turn.appendOwn(RECORD_KIND.forward, renameKey(root), own)
    this.turn.appendOwn(RECORD_KIND.decided, renameKey(to), { message: decidedText({ height }) })
    const { profiles } = this.turn.parts
    const row = profiles.findKey(KEY_KIND.rename, root.key)
    this.commands.begin(row, sequence, place)
  }

  /** Sends the event to the shard of its own key; it joins nothing any more. */
  private applyAt(cursor: RecordCursor, place: Place): void {
    const { batch, record } = place
    const next = { batch, record, stage: 'apply', hops: 0 } as const
    this.turn.relay(copyOf(cursor), keyOfRecord(cursor), next)
  }

  private request(source: ProfileKey, target: ProfileKey, row: number): JoinRequest {
    const { profiles } = this.turn.parts
    const links = 1 + (row < 0 ? 0 : profiles.identity(row).links.length)
    const records = row < 0 ? 0 : profiles.history(row)
    return { source: formatKey(source), target: formatKey(target), links, records }
  }

  private isKnown({ messageHashLow, messageHashHigh }: RecordCursor): boolean {
    return this.turn.knows(messageHashLow, messageHashHigh)
  }

  private wasDecided(cursor: RecordCursor): boolean {
    const messageId = decisionId(cursor)
    if (messageId === '') return false
    const bytes = new TextEncoder().encode(messageId)
    const hash = { low: 0, high: 0 }
    hashBytes(bytes, 0, bytes.length, MESSAGE_ID_SEED, hash)
    return this.turn.knows(hash.low, hash.high)
  }

  private placeOf(user: string): { forward: ProfileKey | null; height?: number } | null {
    const { profiles } = this.turn.parts
    const row = profiles.findKey(KEY_KIND.rename, user)
    return row < 0 ? null : profiles.identity(row)
  }
}

function renameKey({ key }: ProfileKey): ProfileKey {
  return { kind: KEY_KIND.rename, key }
}

function refuse(decision: Extract<Decision, { kind: 'refused' }>, place: Place): void {
  place.batch.reject(place.record, decision.code, decision.reason)
}

function joinOf(place: Place): JoinRequest {
  if (place.join === undefined) throw new Error('a joining record came without its request')
  return place.join
}

/**
 * The id under which a decision is remembered beside its event's: the event itself may be known in
 * the same shard, or not yet. '' where the event has none.
 */
function decisionId(cursor: RecordCursor): string {
  const { messageId } = cursor
  return messageId === '' ? '' : `\u0000decided\u0000${messageId}`
}
