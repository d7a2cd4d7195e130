/** Seeded 32-bit generator: mulberry32 (Tommy Ettinger, public domain). Deterministic per seed. */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  /** Exponential with this rate (events per unit of time). */
  exponential(rate: number): number {
    return -Math.log(1 - this.next()) / rate
  }

  /** Integer in [0, below). */
  integer(below: number): number {
    return Math.floor(this.next() * below)
  }

  /** Index drawn with these probabilities, which sum to 1. */
  choose(probabilities: readonly number[]): number {
    let left = this.next()
    for (let i = 0; i < probabilities.length - 1; i++) {
      left -= probabilities[i]
      if (left < 0) return i
    }
    return probabilities.length - 1
  }
}
