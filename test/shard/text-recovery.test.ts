import { expect, test } from 'vitest'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { KEY_KIND } from '../../src/event/record.ts'
import type { CheckpointMeta, DictionaryChunk } from '../../src/journal/checkpoint.ts'
import { SystemClock } from '../../src/runtime/clock.ts'
import type { ShardStore } from '../../src/journal/shard-store.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import { Fold } from '../../src/profile/fold.ts'
import { PageCodec } from '../../src/profile/page-codec.ts'
import { profileText } from '../../src/profile/read.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { Checkpointer } from '../../src/shard/checkpointer.ts'
import { Replayer } from '../../src/replay/replayer.ts'
import { recordOf } from '../profile/made-events.ts'

const START = Date.UTC(2026, 0, 5)
const SHOPPERS = 40
const CITIES = 6000

/** Rows so wide that each is a page of its own: a checkpoint takes three steps. */
const wide = Object.fromEntries(
  Array.from({ length: 12 }, (_, i) => [
    `wide_${i}`,
    { part: 'behaviour', op: 'sum', on: 'Never', value: 'total', window: '24h', resolution: '1m' },
  ]),
)
const compiled = compileDefinition({
  traits: {
    last_city: { part: 'attributes', op: 'last', on: '*', value: 'city', text: true },
    top_brands: { part: 'interests', op: 'top', on: '*', value: 'brand', k: 2, halfLife: '7d' },
    ...(wide as Record<string, never>),
  },
  segments: {},
  machines: {},
})

/** What a disk keeps of checkpoints; a transaction is on it when {@link commit} says so. */
class Disk {
  nextSequence = 0
  readonly pages = new Map<number, Uint8Array>()
  readonly chunks = new Map<number, Uint8Array>()
  meta: CheckpointMeta | null = null
  private underWay: (() => void)[] = []

  get waits(): boolean {
    return this.underWay.length > 0
  }

  async commit(): Promise<void> {
    this.underWay.shift()?.()
    await new Promise(setImmediate)
  }

  lose(): void {
    this.underWay = []
  }

  readCheckpoint(): CheckpointMeta | null {
    return this.meta
  }

  clearCheckpoint(): Promise<void> {
    return this.transaction(() => undefined)
  }

  writeCheckpointPages(
    pages: Iterable<[number, Uint8Array]>,
    chunks: readonly DictionaryChunk[],
  ): Promise<void> {
    const copied = Array.from(pages, ([page, bytes]) => [page, bytes.slice()] as const)
    return this.transaction(() => {
      for (const [page, bytes] of copied) this.pages.set(page, bytes)
      for (const { index, bytes } of chunks) this.chunks.set(index, bytes)
    })
  }

  finishCheckpoint(meta: CheckpointMeta): Promise<void> {
    return this.transaction(() => void (this.meta = meta))
  }

  private transaction(apply: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.underWay.push(() => {
        apply()
        resolve()
      })
    })
  }
}

class Life {
  readonly store: ProfileStore
  readonly checkpointer: Checkpointer
  private readonly replayer: Replayer
  private readonly cursor = new RecordCursor()

  /** Recovers as a shard does. */
  constructor(disk: Disk, journal: readonly Uint8Array[], textsMax?: number) {
    this.store = new ProfileStore(compiled, textsMax === undefined ? {} : { textsMax })
    const parts = { profiles: this.store, fold: new Fold(compiled, this.store) }
    this.replayer = new Replayer(parts, { walk: () => [], record: () => null }, 'later')
    const keys = [...disk.chunks.keys()].sort((a, b) => a - b)
    if (disk.meta !== null) {
      for (const key of keys) this.store.importDictionary(disk.chunks.get(key) ?? new Uint8Array())
      const codec = new PageCodec(this.store)
      const pages = [...disk.pages].sort(([a], [b]) => a - b)
      for (const [page, bytes] of pages) codec.decode(page, bytes)
    }
    const from = (disk.meta?.position ?? -1) + 1
    for (let at = from; at < journal.length; at++) this.apply(journal[at], at)
    this.checkpointer = new Checkpointer({
      store: disk as unknown as ShardStore,
      profiles: this.store,
      compiled,
      flushJournal: () => undefined,
      clock: new SystemClock(),
    })
  }

  apply(record: Uint8Array, sequence: number): void {
    this.replayer.apply(this.cursor.over(record).at(0), sequence)
  }

  get isShort(): boolean {
    return this.store.strings.uses().some(({ texts, textsMax }) => texts > 0.8 * textsMax)
  }

  get refused(): number {
    return this.store.strings.uses().reduce((sum, use) => sum + use.refused, 0)
  }

  portraits(): string[] {
    return Array.from({ length: SHOPPERS }, (_, shopper) => {
      const row = this.store.findKey(KEY_KIND.anonymous, `shopper ${shopper}`)
      return row < 0 ? '' : profileText(this.store, row, START + 1e9, '0:0')
    })
  }
}

function randomOf(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function expectEqual(life: Life, reference: Life): void {
  const portraits = reference.portraits()
  life.portraits().forEach((portrait, i) => expect(portrait).toBe(portraits[i]))
}

/**
 * A small dictionary whose numbers are used again and again, checkpoints whose transactions commit some
 * events later, and crashes anywhere: the profiles are those of a dictionary that forgets nothing.
 */
async function run(seed: number) {
  const random = randomOf(seed)
  const journal: Uint8Array[] = []
  const disk = new Disk()
  const reference = new Life(new Disk(), [])
  let life = new Life(disk, journal, 800)
  const reached = { crashes: 0, collections: 0, refused: 0 }
  for (let step = 0; step < 6000; step++) {
    const dice = random(100)
    if (disk.waits && (dice < 4 || life.isShort)) await disk.commit()
    else if (!disk.waits && (dice < 2 || life.isShort)) {
      void life.checkpointer.run()
      await new Promise(setImmediate)
    }
    if (random(disk.waits ? 150 : 1500) === 0) {
      reached.crashes++
      reached.collections += life.store.collector.completed
      reached.refused += life.refused
      disk.lose()
      life = new Life(disk, journal, 800)
      expectEqual(life, reference)
    }
    const record = recordOf({
      // One has half of the events: its page is the last, and texts come to disk before it.
      key: `shopper ${random(2) === 0 ? SHOPPERS - 1 : random(SHOPPERS)}`,
      time: START + step * 1000,
      type: 'track',
      name: 'Seen',
      strings: {
        city: `city ${random(CITIES)}`,
        brand: `brand ${random(random(10) === 0 ? 5 : CITIES)}`,
      },
    })
    life.apply(record, journal.length)
    reference.apply(record, journal.length)
    disk.nextSequence = journal.push(record)
  }
  expectEqual(life, reference)
  expect(life.store.dictionarySize).toBeLessThan(1610)
  reached.collections += life.store.collector.completed
  reached.refused += life.refused
  return reached
}

test('numbers of texts that are used again show no wrong text through checkpoints and crashes', async () => {
  const total = { crashes: 0, collections: 0, refused: 0 }
  for (let seed = 1; seed <= 10; seed++) {
    const { crashes, collections, refused } = await run(seed)
    total.crashes += crashes
    total.collections += collections
    total.refused += refused
  }
  expect(total.crashes).toBeGreaterThan(15)
  expect(total.collections).toBeGreaterThan(50)
  expect(total.refused).toBe(0)
}, 60_000)

/** Whichever of these new cities ends a sweep: the next text would take a number of the page on disk. */
const cities = Array.from({ length: 12 }, (_, i) => 186 + i)

test.each(cities)('a number that a page on disk still holds stays, %i cities', async (count) => {
  const journal: Uint8Array[] = []
  const disk = new Disk()
  const reference = new Life(new Disk(), [])
  const life = new Life(disk, journal, 400)
  const see = (shopper: number, strings: Record<string, string>): void => {
    const time = START + journal.length * 1000
    const key = `shopper ${shopper}`
    const record = recordOf({ key, time, type: 'track', name: 'Seen', strings })
    for (const one of [life, reference]) one.apply(record, journal.length)
    disk.nextSequence = journal.push(record)
  }
  const last = SHOPPERS - 1
  for (let i = 0; i < SHOPPERS; i++) see(i, {})
  for (const brand of ['old', 'older']) see(last, { brand })
  const checkpoint = life.checkpointer.run()
  await new Promise(setImmediate)
  while (disk.waits) await disk.commit()
  await checkpoint
  for (const brand of ['again', 'x', 'y']) see(last, { brand })
  for (let i = 0; i < count; i++) see(0, { city: `city ${i}` })
  see(last, { brand: 'again' })
  for (let i = 0; i < SHOPPERS; i++) see(i, {})
  // The first step brings the texts to disk, and not yet the last shopper's page.
  void life.checkpointer.run()
  await new Promise(setImmediate)
  await disk.commit()
  disk.lose()
  expect(life.refused).toBe(0)
  expectEqual(new Life(disk, journal, 400), reference)
})
