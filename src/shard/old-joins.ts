import { formatKey, parseKey } from '../event/profile-key.ts'
import { RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { RecordWriter } from '../event/record-writer.ts'
import { forwardText, restoredText } from '../identity/notes.ts'
import type { HealItem, ImportCommand } from '../protocol/shard-messages.ts'
import { ownRecords } from '../replay/history.ts'
import type { HistoryReader } from '../replay/history.ts'
import type { Commands } from './commands.ts'
import type { Turn } from './turn.ts'

/**
 * Undoes joins that the first storage format left, and makes them anew. What it writes is of the present
 * format, and after it a key's past is settled: neither is done twice.
 */
export class OldJoins {
  private readonly turn: Turn
  private readonly history: HistoryReader
  private readonly commands: Commands
  /** Rows → ids met there before the slices of a command, and up to where: the next slice goes on. */
  private readonly met = new Map<
    number,
    { readonly position: string; upTo: number; readonly ids: Set<string> }
  >()

  constructor(parts: {
    readonly turn: Turn
    readonly history: HistoryReader
    readonly commands: Commands
  }) {
    this.turn = parts.turn
    this.history = parts.history
    this.commands = parts.commands
  }

  /** The user stays who it is; what its forward moved and nobody has is its own again. */
  undo({ key, sequence, moved }: HealItem): void {
    const { profiles } = this.turn.parts
    const user = parseKey(key)
    const row = profiles.findKey(user.kind, user.key)
    if (row < 0) return
    const { decided, legacy } = profiles.identity(row)
    if (decided !== sequence || legacy === undefined) return
    if (moved < 0) this.restore(row, { whole: false })
    else for (let left = this.forwardsSince(row, moved).length; left > 0; left--) this.restore(row)
  }

  private restore(row: number, { whole } = { whole: true }): void {
    const { profiles } = this.turn.parts
    const key = profiles.keyOf(row)
    const { forward } = profiles.identity(row)
    const message = restoredText({ splits: false, origins: [formatKey(key)], whole, cause: '' })
    const name = forward === null ? '' : formatKey(forward)
    this.turn.appendOwn(RECORD_KIND.restored, key, { name, message })
  }

  /** Where the row's forwards went, newest first, up to the one at `sequence`; none if it is gone. */
  private forwardsSince(row: number, sequence: number): string[] {
    const cursor = new RecordCursor()
    const found: string[] = []
    for (const record of this.history.walk(this.turn.parts.profiles.lastSequence(row))) {
      if (cursor.over(record.bytes).at(record.offset).kind === RECORD_KIND.forward)
        found.push(cursor.name)
      if (record.sequence === sequence) return found
      if (record.sequence < sequence) break
    }
    return []
  }

  /**
   * A forward of which nothing has arrived is undone and, in the same block, journalled again. False
   * where the journal does not reach back to it.
   */
  makeAnew(row: number, sequence: number): boolean {
    const { profiles } = this.turn.parts
    const forwards = this.forwardsSince(row, sequence)
    const first = forwards.at(-1)
    if (first === undefined) return false
    const key = profiles.keyOf(row)
    const state = profiles.identity(row)
    const forward = (name: string, moves: boolean): number => {
      const links = moves ? state.links.map(formatKey) : []
      const message = forwardText({ moves, links, event: null, cause: '', once: true })
      return this.turn.appendOwn(RECORD_KIND.forward, key, { name, message })
    }
    for (const _ of forwards) this.restore(row)
    const command = forward(first, true)
    if (forwards[0] !== first) forward(forwards[0], false)
    this.commands.begin(row, command, null)
    return true
  }

  /**
   * Calls back with a command without the records whose message ids its profile has already: events
   * that were not answered before a crash, and came again.
   */
  *withoutKnown(
    row: number,
    command: ImportCommand,
    then: (rest: ImportCommand) => void,
  ): Generator<void> {
    const { profiles } = this.turn.parts
    const met = this.met.get(row)
    const { position } = command
    const now = met?.position === position ? met : { position, upTo: -1, ids: new Set<string>() }
    this.met.set(row, now)
    const cursor = new RecordCursor()
    while (now.upTo < profiles.lastSequence(row)) {
      const last = profiles.lastSequence(row)
      for (const record of ownRecords(this.history.walk(last))) {
        if (record !== null) {
          if (record.sequence <= now.upTo) break
          const id = idOf(cursor.over(record.bytes).at(record.offset))
          if (id !== '') now.ids.add(id)
        }
        yield
      }
      now.upTo = last
    }
    then(without(command, now.ids))
    now.upTo = profiles.lastSequence(row)
    if (command.last) this.met.delete(row)
  }
}

function without(command: ImportCommand, known: ReadonlySet<string>): ImportCommand {
  const writer = new RecordWriter(command.bytes.length + 64)
  const cursor = new RecordCursor().over(command.bytes)
  let count = 0
  for (let offset = 0; offset < command.bytes.length; offset += cursor.byteLength) {
    if (known.has(idOf(cursor.at(offset)))) continue
    writer.appendBytes(cursor.bytes, cursor.offset, cursor.byteLength)
    count++
  }
  return { ...command, bytes: writer.take(), count }
}

function idOf({ messageHashLow, messageHashHigh }: RecordCursor): string {
  if (messageHashLow === 0 && messageHashHigh === 0) return ''
  return `${messageHashLow} ${messageHashHigh}`
}
