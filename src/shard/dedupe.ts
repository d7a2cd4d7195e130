/**
 * Remembers message ids (as 64-bit hashes) for a horizon of hours within a memory bound.
 *
 * Owns 64 open-addressing tables chosen by hash bits, so that growing or cleaning one of them pauses
 * a turn for a 64th of the whole. An entry costs 10 bytes at a load of at most 0.6. When a table may
 * not grow any more its oldest hours are forgotten first, and {@link horizonHours} says how far back
 * the memory still reaches. Chance of a false duplicate: entries / 2^64 an event.
 */
export class DedupeWindow {
  private readonly tables: DedupeTable[] = []
  private readonly hours: number
  private shortest: number

  constructor(options: { hours: number; memoryBytesMax: number; nowMs: number }) {
    this.hours = options.hours
    this.shortest = options.hours
    const slotsMax = Math.floor(options.memoryBytesMax / TABLES / SLOT_BYTES)
    const capacityMax = 2 ** Math.max(6, Math.floor(Math.log2(slotsMax)))
    const base = Math.floor(options.nowMs / HOUR_MS) - HOURS_BEFORE_START
    for (let i = 0; i < TABLES; i++) this.tables.push(new DedupeTable(capacityMax, base))
  }

  /** Adds the hash; returns false when it was there already within the horizon. */
  add(low: number, high: number, nowMs: number): boolean {
    const hour = Math.floor(nowMs / HOUR_MS)
    const table = this.tables[high >>> 26]
    if (table.full()) this.shortest = Math.min(this.shortest, table.rebuild(hour, this.hours))
    return table.add(low, high, hour, hour - this.hours)
  }

  has(low: number, high: number, nowMs: number): boolean {
    const hour = Math.floor(nowMs / HOUR_MS)
    return this.tables[high >>> 26].has(low, high, hour - this.hours)
  }

  get size(): number {
    return this.tables.reduce((sum, table) => sum + table.count, 0)
  }

  get bytes(): number {
    return this.tables.reduce((sum, table) => sum + table.capacity * SLOT_BYTES, 0)
  }

  /** Hours that are remembered in full; less than asked for once the memory bound was met. */
  get horizonHours(): number {
    return this.shortest
  }
}

const TABLES = 64
const SLOT_BYTES = 10
const LOAD_MAX = 0.6
const HOUR_MS = 3_600_000
/** Hours are kept relative to this many before the start: 16 bits last for six years of running. */
const HOURS_BEFORE_START = 5_000

class DedupeTable {
  count = 0
  capacity = 64
  private hashes = new Uint32Array(128)
  private hourOf = new Uint16Array(64)
  private readonly capacityMax: number
  private readonly hourBase: number

  constructor(capacityMax: number, hourBase: number) {
    this.capacityMax = capacityMax
    this.hourBase = hourBase
  }

  full(): boolean {
    return this.count >= this.capacity * LOAD_MAX
  }

  has(low: number, high: number, oldestHour: number): boolean {
    const slot = this.probe(low, high)
    return this.hourOf[slot] !== 0 && this.absoluteHour(slot) > oldestHour
  }

  add(low: number, high: number, hour: number, oldestHour: number): boolean {
    const slot = this.probe(low, high)
    const known = this.hourOf[slot] !== 0
    if (known && this.absoluteHour(slot) > oldestHour) return false
    this.hashes[slot * 2] = low
    this.hashes[slot * 2 + 1] = high
    this.hourOf[slot] = Math.max(1, hour - this.hourBase)
    if (!known) this.count++
    return true
  }

  /** Drops what is past the horizon, grows where that is not enough; returns the horizon kept. */
  rebuild(hour: number, hours: number): number {
    const live = this.liveByAge(hour, hours)
    let kept = 0
    for (const n of live) kept += n
    let capacity = this.capacity
    while (kept > capacity * 0.3 && capacity < this.capacityMax) capacity *= 2
    let horizon = hours
    while (kept > capacity * 0.5 && horizon > 0) kept -= live[--horizon]
    this.copyInto(capacity, hour - horizon)
    return horizon
  }

  private liveByAge(hour: number, hours: number): Uint32Array {
    const live = new Uint32Array(hours)
    for (let slot = 0; slot < this.capacity; slot++) {
      if (this.hourOf[slot] === 0) continue
      const age = hour - this.absoluteHour(slot)
      if (age < hours) live[Math.max(0, age)]++
    }
    return live
  }

  private copyInto(capacity: number, oldestHour: number): void {
    const hashes = this.hashes
    const hourOf = this.hourOf
    const slots = this.capacity
    this.capacity = capacity
    this.hashes = new Uint32Array(capacity * 2)
    this.hourOf = new Uint16Array(capacity)
    this.count = 0
    for (let slot = 0; slot < slots; slot++) {
      if (hourOf[slot] === 0 || hourOf[slot] + this.hourBase <= oldestHour) continue
      const to = this.probe(hashes[slot * 2], hashes[slot * 2 + 1])
      this.hashes[to * 2] = hashes[slot * 2]
      this.hashes[to * 2 + 1] = hashes[slot * 2 + 1]
      this.hourOf[to] = hourOf[slot]
      this.count++
    }
  }

  private absoluteHour(slot: number): number {
    return this.hourOf[slot] + this.hourBase
  }

  /** The slot that holds the hash, or the empty one where it would go. */
  private probe(low: number, high: number): number {
    const mask = this.capacity - 1
    let slot = low & mask
    while (this.hourOf[slot] !== 0) {
      if (this.hashes[slot * 2] === low && this.hashes[slot * 2 + 1] === high) break
      slot = (slot + 1) & mask
    }
    return slot
  }
}
