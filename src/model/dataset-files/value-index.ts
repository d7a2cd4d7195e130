/** Slots for each value that the index may hold. */
const SLOTS_A_VALUE = 4

/**
 * The different 32-bit values of a column, numbered in the order in which they first occur: a hash
 * table with open addressing. Full at `max` values.
 */
export class ValueIndex {
  count = 0
  readonly values: Uint32Array<ArrayBuffer>
  private readonly slots: Int32Array
  private readonly shift: number
  private readonly max: number

  constructor(max: number) {
    const bits = Math.ceil(Math.log2(max * SLOTS_A_VALUE))
    this.max = max
    this.values = new Uint32Array(max)
    this.slots = new Int32Array(2 ** bits)
    this.shift = 32 - bits
  }

  clear(): void {
    this.count = 0
    this.slots.fill(0)
  }

  /** The number of a value, which is added if it is new; -1 where there is no room for it. */
  add(value: number): number {
    const { slots, values } = this
    const mask = slots.length - 1
    // Multiplicative hashing, D. Knuth, The Art of Computer Programming, vol. 3, 6.4.
    let slot = Math.imul(value, 0x9e3779b1) >>> this.shift
    for (;;) {
      const held = slots[slot] - 1
      if (held < 0) break
      if (values[held] === value) return held
      slot = (slot + 1) & mask
    }
    if (this.count === this.max) return -1
    values[this.count] = value
    slots[slot] = ++this.count
    return this.count - 1
  }
}
