/** What a split must keep. */
export interface SplitRules {
  /** Least weight in a child: rows where each weighs 1, the sum of curvatures where trees are boosted. */
  readonly weightMin: number
  /** Added to a leaf's weight, which pulls its value toward 0 (L2). */
  readonly penalty: number
  readonly gainMin: number
}

/** Codes up to `threshold` go left. */
export interface SplitChoice {
  readonly gain: number
  readonly input: number
  readonly threshold: number
  readonly missingLeft: boolean
}

/** The best split of a node so far. */
export class Split implements SplitChoice {
  gain: number
  input = -1
  threshold = 0
  missingLeft = false
  /** The split was the last one offered, and codes after its threshold may turn out to be empty. */
  private open = false

  constructor(gainMin: number) {
    this.gain = gainMin
  }

  offer(gain: number, input: number, threshold: number, missingLeft: boolean): void {
    if (!(gain > this.gain)) return
    this.gain = gain
    this.input = input
    this.threshold = threshold
    this.missingLeft = missingLeft
    this.open = true
  }

  /** The next code that has rows: a threshold before a gap moves to the gap's middle. */
  next(code: number): void {
    if (!this.open) return
    this.threshold = (this.threshold + code - 1) >>> 1
    this.open = false
  }

  /** An input is done. */
  close(): void {
    this.open = false
  }
}

/** Sums below this share of a node's are rounding, not rows. */
export const EMPTY_SHARE = 1e-10
