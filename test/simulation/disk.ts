import { crc32 } from 'node:zlib'
import type { BinaryTable, Environment, RangeBounds } from '../../src/journal/environment.ts'
import type { Room } from '../../src/journal/space.ts'

export const TABLES = ['journal', 'dedupe', 'pages', 'dictionary', 'deadLetters'] as const
export type TableName = (typeof TABLES)[number]

/** What is durable of one table, in order of its keys. */
class DurableTable {
  readonly keys: number[] = []
  readonly values = new Map<number, Uint8Array>()

  set(key: number, value: Uint8Array): void {
    if (!this.values.has(key)) this.keys.splice(this.lowerBound(key), 0, key)
    this.values.set(key, value)
  }

  delete(key: number): void {
    if (this.values.delete(key)) this.keys.splice(this.lowerBound(key), 1)
  }

  clear(): void {
    this.keys.length = 0
    this.values.clear()
  }

  /** Index of the first key that is not less. */
  lowerBound(key: number): number {
    const { keys } = this
    let low = 0
    let high = keys.length
    if (high > 0 && keys[high - 1] < key) return high
    while (low < high) {
      const middle = (low + high) >> 1
      if (keys[middle] < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * The disk of one shard: what survives a crash. Values are replaced, never changed: readers get them
 * without a copy, and whoever wrote into one would be met by its checksum.
 */
export class SimulatedDisk {
  readonly tables: Readonly<Record<TableName, DurableTable>> = {
    journal: new DurableTable(),
    dedupe: new DurableTable(),
    pages: new DurableTable(),
    dictionary: new DurableTable(),
    deadLetters: new DurableTable(),
  }
  readonly meta = new Map<string, string>()

  clone(): SimulatedDisk {
    const copy = new SimulatedDisk()
    for (const name of TABLES) {
      for (const [key, value] of this.tables[name].values) copy.tables[name].set(key, value)
    }
    for (const [key, value] of this.meta) copy.meta.set(key, value)
    return copy
  }
}

interface Write {
  readonly table: TableName | 'meta'
  readonly key: number | string
  /** null removes the key; with a key of NaN, all. */
  readonly value: Uint8Array | string | null
  readonly checksum: number
}

interface Transaction {
  readonly writes: Write[]
  readonly resolve: (done: boolean) => void
  readonly reject: (error: Error) => void
}

/** What a disk is asked to do, and when and how: a simulation's decisions. */
export interface DiskControl {
  /** One call of the store; false when its thread is dead and nothing may come of it. */
  called(): boolean
  /** How many of the transactions that wait the next commit takes, and how long it lasts. */
  nextCommit(waiting: number): { readonly count: number; readonly fails: boolean }
  /** Runs when the disk has worked on it (`commit`) or the writer's thread has told (`notify`). */
  later(what: 'commit' | 'notify', work: () => void): void
  /** A value that was handed over for a write was changed before its commit. */
  changedInFlight(table: string, key: number | string): void
  /** Blocks that a transaction which was just asked for appends to the journal. */
  queued(block: Uint8Array, firstSequence: number): void
  /** They are durable. */
  durable(block: Uint8Array, firstSequence: number): void
}

const DONE = Promise.resolve(true)

/**
 * An LMDB environment on a simulated disk: transactions commit in the order they were asked for, some
 * time later, several at a time or each by itself. Reads see what is committed. A commit may fail; what
 * it held is lost, and a later one may still succeed. A crash keeps a prefix of what was not committed.
 */
export class SimulatedEnvironment implements Environment {
  readonly root: Environment['root']
  readonly journal: BinaryTable
  readonly dedupe: BinaryTable
  readonly pages: BinaryTable
  readonly dictionary: BinaryTable
  readonly deadLetters: BinaryTable
  readonly meta: Environment['meta']
  readonly disk: SimulatedDisk
  private readonly control: DiskControl
  private readonly waiting: Transaction[] = []
  private open: Transaction | null = null
  private committing = false
  private idle: (() => void)[] = []

  constructor(disk: SimulatedDisk, control: DiskControl) {
    this.disk = disk
    this.control = control
    this.journal = this.binaryTable('journal')
    this.dedupe = this.binaryTable('dedupe')
    this.pages = this.binaryTable('pages')
    this.dictionary = this.binaryTable('dictionary')
    this.deadLetters = this.binaryTable('deadLetters')
    this.meta = this.metaTable()
    const flushed = (): Promise<unknown> => this.flushed()
    this.root = {
      batch: (action) => this.batch(action),
      transactionSync: (action) => action(),
      get flushed() {
        return flushed()
      },
      close: async () => {
        await this.flushed()
      },
      getStats: () => ({}),
    }
  }

  /** The thread ends: of the transactions that wait, this many become durable all the same. */
  crash(choose: (waiting: number) => number): void {
    const kept = choose(this.waiting.length)
    for (const transaction of this.waiting.splice(0).slice(0, kept)) this.apply(transaction)
  }

  private batch(action: () => void): Promise<boolean> {
    const alive = this.control.called()
    return new Promise((resolve, reject) => {
      const transaction: Transaction = { writes: [], resolve, reject }
      this.open = transaction
      try {
        action()
      } finally {
        this.open = null
      }
      if (alive) this.enqueue(transaction)
    })
  }

  private write(
    table: Write['table'],
    key: number | string,
    value: Write['value'],
  ): Promise<boolean> {
    const checksum = value instanceof Uint8Array ? crc32(value) : 0
    const write = { table, key, value, checksum }
    if (this.open !== null) {
      this.open.writes.push(write)
      return DONE
    }
    const alive = this.control.called()
    return new Promise((resolve, reject) => {
      if (alive) this.enqueue({ writes: [write], resolve, reject })
    })
  }

  private enqueue(transaction: Transaction): void {
    for (const { table, key, value } of transaction.writes) {
      if (table === 'journal' && value instanceof Uint8Array)
        this.control.queued(value, Number(key))
    }
    this.waiting.push(transaction)
    this.commitNext()
  }

  private commitNext(): void {
    if (this.committing) return
    if (this.waiting.length === 0) {
      for (const told of this.idle.splice(0)) told()
      return
    }
    this.committing = true
    this.control.later('commit', () => {
      this.committing = false
      const { count, fails } = this.control.nextCommit(this.waiting.length)
      for (const transaction of this.waiting.splice(0, count)) {
        if (!fails) this.apply(transaction)
        this.control.later('notify', () => {
          if (fails) transaction.reject(new Error('MDB_PANIC: simulated input/output error'))
          else transaction.resolve(true)
        })
      }
      this.commitNext()
    })
  }

  private flushed(): Promise<unknown> {
    if (this.waiting.length === 0 && !this.committing) return DONE
    return new Promise<void>((resolve) => this.idle.push(resolve))
  }

  private apply({ writes }: Transaction): void {
    for (const { table, key, value, checksum } of writes) {
      if (table === 'meta') {
        if (value === null) this.disk.meta.delete(String(key))
        else this.disk.meta.set(String(key), String(value))
      } else if (value instanceof Uint8Array) {
        if (crc32(value) !== checksum) this.control.changedInFlight(table, key)
        const copy = Uint8Array.from(value)
        this.disk.tables[table].set(Number(key), copy)
        if (table === 'journal') this.control.durable(copy, Number(key))
      } else if (Number.isNaN(key)) this.disk.tables[table].clear()
      else this.disk.tables[table].delete(Number(key))
    }
  }

  private binaryTable(name: TableName): BinaryTable {
    const table = this.disk.tables[name]
    const get = (key: number): Uint8Array | undefined => {
      this.control.called()
      return table.values.get(key)
    }
    return {
      get,
      getBinaryFast: get,
      put: (key, value) => this.write(name, key, value),
      putSync: (key, value) => table.set(key, Uint8Array.from(value)),
      remove: (key) => this.write(name, key, null),
      clearAsync: async () => {
        await this.write(name, Number.NaN, null)
      },
      getRange: (bounds) => this.range(table, bounds),
      getKeys: (bounds) => keysIn(table, bounds),
      getStats: () => ({}),
    }
  }

  private *range(
    table: DurableTable,
    bounds?: RangeBounds,
  ): Generator<{ key: number; value: Uint8Array }> {
    this.control.called()
    for (const key of keysIn(table, bounds)) {
      const value = table.values.get(key)
      if (value !== undefined) yield { key, value }
    }
  }

  private metaTable(): Environment['meta'] {
    const { meta } = this.disk
    return {
      get: (key) => meta.get(key),
      getKeys: () => meta.keys(),
      put: (key, value) => this.write('meta', key, value),
      putSync: (key, value) => meta.set(key, value),
      remove: (key) => this.write('meta', key, null),
      clearAsync: () => Promise.resolve(meta.clear()),
      getStats: () => ({}),
    }
  }
}

/** As LMDB: `start` is inclusive, `end` exclusive; with `reverse` from the last key not above `start`. */
function keysIn(table: DurableTable, bounds: RangeBounds = {}): number[] {
  const { start, end, reverse = false, limit = Number.POSITIVE_INFINITY } = bounds
  const { keys } = table
  if (!reverse) {
    const from = start === undefined ? 0 : table.lowerBound(start)
    const to = end === undefined ? keys.length : table.lowerBound(end)
    return keys.slice(from, Math.min(to, from + limit))
  }
  const found: number[] = []
  let at = start === undefined ? keys.length - 1 : table.lowerBound(start)
  if (at >= keys.length || (start !== undefined && keys[at] > start)) at--
  for (; at >= 0 && found.length < limit; at--) {
    if (end !== undefined && keys[at] <= end) break
    found.push(keys[at])
  }
  return found
}

/** A disk that never fills. */
export const ENDLESS_ROOM: Room = {
  path: 'simulated',
  readOnly: false,
  fileBytes: 0,
  diskFreeBytes: Number.MAX_SAFE_INTEGER,
  claim: (bytes) => bytes,
  release: () => undefined,
}
