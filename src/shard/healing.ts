import { formatKey, ownerOf, parseKey } from '../event/profile-key.ts'
import { KEY_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { sequenceOf } from '../identity/decide.ts'
import { isUnavailable } from '../protocol/shard-messages.ts'
import type { HealItem, HealMessage, ImportCommand } from '../protocol/shard-messages.ts'
import type { HistoryReader, HistoryRecord } from '../replay/history.ts'
import type { Background } from './background.ts'
import type { Batch } from './batch.ts'
import type { Commands } from './commands.ts'
import { FOREST_SHARD } from '../protocol/shard-messages.ts'
import { OldForest } from './old-forest.ts'
import { OldJoins } from './old-joins.ts'
import type { Turn } from './turn.ts'

/** Items of a message. */
const ITEMS_MAX = 512
/** Before a shard that went down is asked again. */
const ASK_AGAIN_MS = 100

export interface HealingParts {
  readonly turn: Turn
  readonly history: HistoryReader
  readonly background: Background
  readonly commands: Commands
  /** Tells the operator, once, where there was something to tell. */
  readonly report: (text: string) => void
  /** An unexpected error. */
  readonly failed: (error: unknown) => void
}

type Step = HealMessage['step']

/**
 * Puts joins right that the first storage format left: once for each directory, while it serves.
 *
 * First the shard that keeps the forest of renames is told all renames of users, undoes the newest of
 * each circle and takes the others into the forest; joins wait for that ({@link whenSettled}). Then
 * each shard asks all for what has arrived of what its forwards moved, and makes the joins anew of
 * which nothing has: such a forward is undone and journalled again, as a command like any other. Until
 * then nothing is decided about a key whose forward may be such a one ({@link whenHealed}).
 *
 * Crash-safe, for whoever needs to know asks, and asks again when a shard went down: all that is known
 * is derived from rows, what is done shows in them, and a start after the end costs a look at a note.
 */
export class Healing {
  private readonly joins: OldJoins
  private readonly parts: HealingParts
  private readonly forest: OldForest
  private readonly waitSettled: (() => void)[] = []
  private readonly waitHealed: (() => void)[] = []
  private isSettled: boolean
  private isHealed: boolean
  private readonly count = { undone: 0, made: 0, lost: 0 }

  constructor(parts: HealingParts) {
    this.parts = parts
    this.joins = new OldJoins(parts)
    this.forest = new OldForest(parts.turn)
    this.isHealed = parts.turn.parts.store.joinsHealed
    this.isSettled = this.isHealed
  }

  get healed(): boolean {
    return this.isHealed
  }

  /** Whether circles of renames are undone everywhere, and the others are known to the forest. */
  get settled(): boolean {
    return this.isSettled
  }

  /** Begins, or goes on after a crash: at a start, when all rows are there. */
  begin(): void {
    if (this.isHealed) return
    if (this.turn.shard !== FOREST_SHARD) {
      return this.ask([FOREST_SHARD], 'settled', () => this.settle())
    }
    this.ask(this.shards(), 'tellRenames', () => this.run(this.adopt()))
  }

  /** Calls back once {@link settled}; the batch waits for it. */
  whenSettled(batch: Batch, action: () => void): void {
    this.wait(this.waitSettled, batch, action)
  }

  /** Calls back once nothing is uncertain about this shard's keys any more; the batch waits. */
  whenHealed(batch: Batch, action: () => void): void {
    this.wait(this.waitHealed, batch, action)
  }

  /** Calls back with what of a command is new to the profile; the batch waits for it. */
  withoutKnown(
    { row, batch }: { readonly row: number; readonly batch: Batch },
    command: ImportCommand,
    then: (rest: ImportCommand) => void,
  ): void {
    const done = (rest: ImportCommand): void => {
      then(rest)
      this.parts.turn.whenDurable(() => batch.release())
    }
    this.run(this.joins.withoutKnown(row, command, done), batch)
  }

  /** Whether it is not known yet where the records of a key are. */
  isUncertain(row: number): boolean {
    return !this.isHealed && (this.turn.profiles.identity(row).legacy ?? -1) >= 0
  }

  /** Takes a message of another shard, or of this one. */
  take(from: number, { step, items }: HealMessage, batch: Batch): void {
    switch (step) {
      case 'tellRenames':
        return this.run(this.tellRenames(from, batch), batch)
      case 'tellArrived':
        return this.run(this.tellArrived(from, batch), batch)
      case 'renames':
        for (const item of items) this.forest.note(from, item)
        return
      case 'arrived':
        for (const item of items) this.noteArrived(item)
        return
      case 'undo':
        for (const item of items) this.joins.undo(item)
        return
      case 'settled':
        if (!this.isSettled) this.whenSettled(batch, () => undefined)
    }
  }

  private get turn(): Turn['parts'] {
    return this.parts.turn.parts
  }

  private shards(): number[] {
    return Array.from({ length: this.turn.shardCount }, (_, shard) => shard)
  }

  private wait(list: (() => void)[], batch: Batch, action: () => void): void {
    batch.hold()
    list.push(() => {
      action()
      this.parts.turn.whenDurable(() => batch.release())
    })
  }

  private run(piece: Generator<void>, batch: Batch | null = null): void {
    batch?.hold()
    this.parts.background.add(piece)
  }

  /** Asks shards until each has answered. */
  private ask(shards: readonly number[], step: Step, then: () => void): void {
    let open = shards.length
    for (const shard of shards) {
      this.askOne(shard, { step, items: [] }, () => {
        open--
        if (open === 0) then()
      })
    }
  }

  private askOne(
    shard: number,
    what: { readonly step: Step; readonly items: readonly HealItem[] },
    then: () => void,
  ): void {
    this.turn.post(shard, { type: 'heal', id: 0, ...what, predict: null }, (result) => {
      if (!isUnavailable(result)) return then()
      this.turn.clock.after(ASK_AGAIN_MS, () => this.askOne(shard, what, then))
    })
  }

  /** Sends what rows say; the batch of who asked waits until it has come there. */
  private *tell(
    to: number,
    { step, batch }: { readonly step: Step; readonly batch: Batch },
    itemsOf: (row: number) => HealItem[],
  ): Generator<void> {
    let items: HealItem[] = []
    const send = (): void => {
      batch.hold()
      // Where it went down it will ask again.
      const message = { type: 'heal', id: 0, step, items, predict: null } as const
      this.turn.post(to, message, () => batch.release())
      items = []
    }
    for (const row of this.turn.profiles.sideRows()) {
      items.push(...itemsOf(row))
      if (items.length >= ITEMS_MAX) send()
      yield
    }
    if (items.length > 0) send()
  }

  private *tellRenames(to: number, batch: Batch): Generator<void> {
    const kind = KEY_KIND.user
    yield* this.tell(to, { step: 'arrived', batch }, (row) => this.arrivedAt(row, kind))
    yield* this.tell(to, { step: 'renames', batch }, (row) => this.renameOf(row))
    batch.release()
  }

  private *tellArrived(to: number, batch: Batch): Generator<void> {
    yield* this.tell(to, { step: 'arrived', batch }, (row) => {
      return this.arrivedAt(row, null).filter(({ key }) => this.ownerOf(key) === to)
    })
    batch.release()
  }

  /** What arrived at a row: links name the commands that they came with. */
  private arrivedAt(row: number, kind: number | null): HealItem[] {
    return this.turn.profiles
      .links(row)
      .filter((link) => link.source !== '' && (kind === null || link.kind === kind))
      .map((link) => {
        const sequence = sequenceOf(link.source)
        return { key: formatKey(link), sequence, to: '', time: 0, moved: -1 }
      })
  }

  private renameOf(row: number): HealItem[] {
    const { profiles } = this.turn
    const { forward, legacy, decided } = profiles.identity(row)
    const key = profiles.keyOf(row)
    if (legacy === undefined || forward === null || key.kind !== KEY_KIND.user) return []
    const record = this.parts.history.record(decided)
    const time = record === null ? 0 : arrivalOf(record)
    const to = formatKey(forward)
    return [{ key: formatKey(key), sequence: decided, to, time, moved: legacy }]
  }

  /** At the shard of the key, and at the forest's for users. */
  private noteArrived({ key, sequence }: HealItem): void {
    if (!this.isSettled) this.forest.noteArrived(key, sequence)
    if (this.ownerOf(key) !== this.turn.shard) return
    const { kind, key: id } = parseKey(key)
    const { profiles } = this.turn
    const row = profiles.findKey(kind, id)
    const state = row < 0 ? null : profiles.identity(row)
    if (state?.legacy === sequence && this.isSettled) {
      profiles.setIdentity(row, { ...state, legacy: -1 })
    }
  }

  /** At the forest's shard, which knows all renames now. */
  private *adopt(): Generator<void> {
    const undone = yield* this.forest.adopt()
    this.count.undone = undone.length
    this.parts.turn.whenDurable(() => this.askUndo(undone))
  }

  private askUndo(undone: readonly HealItem[]): void {
    let open = undone.length
    if (open === 0) return this.settle()
    for (const item of undone) {
      this.askOne(this.ownerOf(item.key), { step: 'undo', items: [item] }, () => {
        open--
        if (open === 0) this.settle()
      })
    }
  }

  private settle(): void {
    this.isSettled = true
    for (const action of this.waitSettled.splice(0)) action()
    this.ask(this.shards(), 'tellArrived', () => this.run(this.makeMissing()))
    this.parts.turn.flush()
  }

  private *makeMissing(): Generator<void> {
    const { profiles, store } = this.turn
    for (const row of profiles.sideRows()) {
      const { legacy = -1 } = profiles.identity(row)
      if (legacy >= 0) this.count[this.joins.makeAnew(row, legacy) ? 'made' : 'lost']++
      yield
    }
    this.parts.turn.whenDurable(() => {
      store.noteJoinsHealed().then(
        () => this.tellDone(),
        (error: unknown) => this.parts.failed(error),
      )
    })
    this.isHealed = true
    for (const action of this.waitHealed.splice(0)) action()
  }

  private tellDone(): void {
    const { undone, made, lost } = this.count
    const { adopted } = this.forest
    if (undone + made + adopted + lost === 0) return
    const parts = [
      `${made} joins whose records had not arrived are made`,
      `${undone} circles of renames are undone`,
      `${adopted} renames are in the forest`,
    ]
    if (lost > 0) parts.push(`${lost} joins cannot be made, their records were dropped`)
    this.parts.report(`data of the first format: ${parts.join(', ')}`)
  }

  private ownerOf(key: string): number {
    return ownerOf(parseKey(key), this.turn.shardCount)
  }
}

function arrivalOf({ bytes, offset }: HistoryRecord): number {
  return new RecordCursor().over(bytes).at(offset).arrivalTime
}
