const SLOTS_LEAST = 1_024
const LOAD_MAX = 0.7
const EMPTY = -1

/**
 * A map from whole numbers, at least 0 and below 2^53, to numbers: open addressing in typed arrays,
 * 23 to 46 bytes an entry once it is large.
 */
export class NumberMap {
  size = 0
  private keys = new Float64Array(SLOTS_LEAST).fill(EMPTY)
  private values = new Float64Array(SLOTS_LEAST)

  /** The key's value, or -1. */
  get(key: number): number {
    const slot = this.slotOf(key)
    return this.keys[slot] === EMPTY ? -1 : this.values[slot]
  }

  set(key: number, value: number): void {
    const slot = this.slotOf(key)
    this.values[slot] = value
    if (this.keys[slot] !== EMPTY) return
    this.keys[slot] = key
    this.size++
    if (this.size > this.keys.length * LOAD_MAX) this.grow()
  }

  private slotOf(key: number): number {
    const { keys } = this
    const mask = keys.length - 1
    let hash = Math.imul(key >>> 0, 0x9e3779b1) ^ Math.imul(key / 4_294_967_296, 0x85ebca6b)
    hash ^= hash >>> 15
    let slot = hash & mask
    while (keys[slot] !== EMPTY && keys[slot] !== key) slot = (slot + 1) & mask
    return slot
  }

  private grow(): void {
    const { keys, values } = this
    this.keys = new Float64Array(2 * keys.length).fill(EMPTY)
    this.values = new Float64Array(2 * keys.length)
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === EMPTY) continue
      const slot = this.slotOf(keys[i])
      this.keys[slot] = keys[i]
      this.values[slot] = values[i]
    }
  }
}
