import { formatKey, hashOf, parseKey, sameKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { RECORD_FLAG, RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { RecordWriter } from '../event/record-writer.ts'
import { isNewSlice, sequenceOf } from '../identity/decide.ts'
import type { Identity } from '../identity/transition.ts'
import { forwardText, importText, restoredText, splitText } from '../identity/notes.ts'
import { SHARD_BUSY } from '../protocol/shard-messages.ts'
import type { ImportCommand, RenameCommand, SplitCommand } from '../protocol/shard-messages.ts'
import { keyOfRecord } from '../replay/replayer.ts'
import type { Batch } from './batch.ts'
import type { Commands } from './commands.ts'
import type { Healing } from './healing.ts'
import type { Refolder } from './refolder.ts'
import type { Place, Turn } from './turn.ts'

/** Records of a slice that are journalled between two looks at what has come. */
const PAUSE_RECORDS = 16

/**
 * Carries out the commands of other shards (and of this one). Each is journalled once: what is not
 * above the newest from its source is a repeat and only answered. A command is answered, through its
 * batch, when what it asks for is durable here, and its event has come to where it belongs.
 */
export class Deliveries {
  private readonly turn: Turn
  private readonly commands: Commands
  private readonly refolder: Refolder
  private readonly healing: Healing
  private readonly writer = new RecordWriter()

  constructor(
    turn: Turn,
    { commands, refolder, healing }: { commands: Commands; refolder: Refolder; healing: Healing },
  ) {
    this.turn = turn
    this.commands = commands
    this.refolder = refolder
    this.healing = healing
  }

  /** Journals moved records; with the last slice the profile is folded again, then its event applied. */
  importSlice(command: ImportCommand, batch: Batch): void {
    const { kind, key } = parseKey(command.to)
    const row = this.turn.parts.profiles.ensureKey(kind, key)
    // What goes on from here goes after what was here before.
    if (this.healing.isUncertain(row)) {
      return this.healing.whenHealed(batch, () => this.importSlice(command, batch))
    }
    if (!command.once || !this.isNew(row, command)) return this.importNow(row, command, batch)
    this.healing.withoutKnown({ row, batch }, command, (rest) => this.importNow(row, rest, batch))
  }

  private isNew(row: number, command: ImportCommand): boolean {
    const state = this.turn.parts.profiles.identity(row)
    return isNewSlice(state, parseKey(command.from), command)
  }

  private importNow(row: number, command: ImportCommand, batch: Batch): void {
    const { profiles, shard } = this.turn.parts
    const key = profiles.keyOf(row)
    const isNew = this.isNew(row, command)
    if (isNew) this.journalSlice(command, key)
    if (isNew && !command.back) this.turn.noteTaken(row, [command.from, ...command.links])
    if (isNew && command.last && profiles.forwardOf(row) !== null) {
      return this.forwardOn(row, command, batch)
    }
    batch.advance(shard, profiles.lastSequence(row))
    const { event } = command
    if (event === null) {
      // Whoever undid the join is told when the profile is what it was.
      if (command.back && command.last) this.tellFolded(row, batch)
      return
    }
    // As what was passed on, it keeps its place among what its sender sent.
    const place = { batch, record: 0, stage: 'apply', hops: 1 } as const
    const cursor = new RecordCursor().over(event).at(0)
    // It goes the way that a repeat of it goes, by its own key, so that one of the two is known.
    const own = keyOfRecord(cursor)
    this.refolder.whenFolded(row, batch, () => {
      if (sameKey(own, key)) this.turn.applyOne(cursor, place)
      else this.turn.relay(event, own, place)
    })
  }

  private tellFolded(row: number, batch: Batch): void {
    const { profiles, shard } = this.turn.parts
    this.refolder.whenFolded(row, batch, () => batch.advance(shard, profiles.lastSequence(row)))
  }

  private journalSlice(command: ImportCommand, key: ProfileKey): void {
    const cursor = new RecordCursor().over(this.moved(command, key))
    let offset = 0
    for (let i = 0; i < command.count; i++) {
      cursor.at(offset)
      offset += cursor.byteLength
      this.turn.append(cursor)
      if (i % PAUSE_RECORDS === PAUSE_RECORDS - 1) this.turn.parts.pause()
    }
    const { position: source, slice, last, links, back } = command
    const message = importText({ source, slice, last, links, back })
    this.turn.appendOwn(RECORD_KIND.import, key, { name: command.from, message })
  }

  /** The records under their new key; each keeps the one that it came under. Valid until the next call. */
  private moved({ bytes }: ImportCommand, key: ProfileKey): Uint8Array {
    const { writer } = this
    writer.truncate(0, 0)
    const keyBytes = new TextEncoder().encode(key.key)
    const hash = hashOf(key)
    const cursor = new RecordCursor().over(bytes)
    const moved = new RecordCursor()
    for (let offset = 0; offset < bytes.length; offset += cursor.byteLength) {
      const at = writer.appendRekeyed(cursor.at(offset), key.kind, keyBytes, hash)
      moved.over(writer.bytes).at(at)
      moved.setFlags((moved.flags & ~RECORD_FLAG.late) | RECORD_FLAG.imported)
    }
    return writer.bytes
  }

  /** The profile was joined to another itself: what came goes on there, under a command of its own. */
  private forwardOn(row: number, command: ImportCommand, batch: Batch): void {
    const { profiles } = this.turn.parts
    const { forward } = profiles.identity(row)
    if (forward === null) throw new Error('the profile is not forwarded')
    // Who gave records back is not joined to who got them.
    const links = command.back ? [] : [command.from, ...command.links]
    const { event, once } = command
    const message = forwardText({ moves: true, links, event, cause: '', once })
    const own = { name: formatKey(forward), message }
    const sequence = this.turn.appendOwn(RECORD_KIND.forward, profiles.keyOf(row), own)
    batch.advance(this.turn.parts.shard, sequence)
    // Without an event nobody waits for it; what came back would wait for itself, for the command that
    // gave it back is answered before this one's turn comes.
    const place = { batch, record: 0, stage: 'apply', hops: 0 } as const
    this.commands.beginOwed(row, sequence, command.event === null ? null : place)
  }

  /** A rename that the forest has decided: the user's profile goes to another; or, to itself, back. */
  rename(command: RenameCommand, batch: Batch): void {
    const { profiles, shard } = this.turn.parts
    const user = parseKey(command.from)
    const to = parseKey(command.to)
    const row = profiles.ensureKey(user.kind, user.key)
    const state = profiles.identity(row)
    const place = { batch, record: 0, stage: 'apply', hops: 0 } as const
    if (sequenceOf(state.cause ?? '') >= sequenceOf(command.position)) {
      batch.advance(shard, profiles.lastSequence(row))
      if (command.event === null) {
        if (state.pending.length > 0) batch.reject(0, SHARD_BUSY, 'an undo is under way')
        return
      }
      const event = new RecordCursor().over(command.event).at(0)
      return this.turn.relay(command.event, keyOfRecord(event), place)
    }
    if (sameKey(user, to)) return this.restore(user, place, command.position)
    const links = state.links.map(formatKey)
    const { event, position: cause } = command
    const message = forwardText({ moves: true, links, event, cause })
    const own = { name: command.to, message }
    this.commands.beginOwed(row, this.turn.appendOwn(RECORD_KIND.forward, user, own), place)
  }

  /** Undoes the join of a key: its events stay with it, and what came under it is asked back. */
  restore(key: ProfileKey, place: Place | null, cause = ''): void {
    const { profiles, shard } = this.turn.parts
    const row = profiles.ensureKey(key.kind, key.key)
    const { forward, links } = profiles.identity(row)
    if (forward === null) {
      place?.batch.advance(shard, profiles.lastSequence(row))
      return
    }
    const origins = [key, ...links].map(formatKey)
    const message = restoredText({ splits: true, origins, whole: false, cause })
    const own = { name: formatKey(forward), message }
    const sequence = this.turn.appendOwn(RECORD_KIND.restored, key, own)
    if (cause === '') this.commands.begin(row, sequence, place)
    else this.commands.beginOwed(row, sequence, place)
  }

  /** Gives records back to a key whose join was undone. */
  split(command: SplitCommand, batch: Batch): void {
    const { profiles } = this.turn.parts
    const key = parseKey(command.to)
    const row = profiles.ensureKey(key.kind, key.key)
    // The profile that was to give them back was joined to the one that asks, and they came with it.
    if (command.from === command.to) return this.tellFolded(row, batch)
    const state = profiles.identity(row)
    const known = state.splits?.find((given) => given.from === command.from)
    const repeated =
      known !== undefined && sequenceOf(known.position) >= sequenceOf(command.position)
    // Once passed on, it goes there for ever: this profile may have been undone itself since, and knows
    // nothing of those records any more.
    if (repeated && known.to !== '')
      return this.turn.passCommand({ ...command, to: known.to }, batch)
    // What is on its way from or to this profile must be where it belongs before it is given back from
    // there; and a repeat is answered when the records have come back.
    if (mustWait(state, key, command)) return batch.reject(0, SHARD_BUSY, 'a join is under way')
    if (repeated) return this.tellFolded(row, batch)
    const to = state.forward === null ? '' : formatKey(state.forward)
    const { position: source, origins } = command
    const own = { name: command.from, message: splitText({ source, origins, to }) }
    const sequence = this.turn.appendOwn(RECORD_KIND.split, key, own)
    this.turn.noteGiven(row, origins)
    if (to !== '') return this.turn.passCommand({ ...command, to }, batch)
    this.commands.beginOwed(row, sequence, { batch, record: 0, stage: 'apply', hops: 0 })
    this.tellFolded(row, batch)
  }
}

/**
 * Whether a profile cannot give records back yet. One whose own join is being undone waits for what
 * comes back to it, but not for the sake of one that it was joined to itself: what comes back is its
 * own then, and the other may be waited for by it (two undos one above the other, the upper of which was
 * joined to the lower since).
 */
function mustWait(
  { forward, pending, decided }: Identity,
  key: ProfileKey,
  { origins }: SplitCommand,
): boolean {
  if (pending.length === 0) return false
  const onlyUndone = forward === null && pending.length === 1 && pending[0] === decided
  return !onlyUndone || !origins.includes(formatKey(key))
}
