import { clippedInput } from '../clipped-inputs.ts'

/**
 * A batch of sequences of different lengths, as dense blocks: first the first step of every sequence,
 * then the second step of those that have one, and so on. Sequences are in order of their length, the
 * longest first, so that those with a next step are always the first ones. Steps that are not there
 * (all inputs NaN) are left out, wherever they are. Buffers are made once.
 */
export class PackedBatch {
  /** Places in the source of the batch's sequences, in the order of the batch. */
  readonly rows: Uint32Array
  /** Where each step's block begins among the packed rows; one more than there can be steps. */
  readonly starts: Int32Array
  /** `starts[steps] × inputs`: what is not finite is 0, and extremes are clipped. */
  readonly inputs: Float32Array
  /** Sequences; fixed by the last {@link pack}. */
  count = 0
  /** Of the longest sequence. */
  steps = 0
  private readonly stepsMax: number
  private readonly width: number
  private readonly lengths: Int32Array
  /** Steps that are there, `stepsMax` for each sequence, in the order of the source. */
  private readonly present: Int32Array
  private readonly places: Int32Array

  /** @param width inputs of a step */
  constructor(capacity: number, stepsMax: number, width: number) {
    this.stepsMax = stepsMax
    this.width = width
    this.rows = new Uint32Array(capacity)
    this.starts = new Int32Array(stepsMax + 1)
    this.inputs = new Float32Array(capacity * stepsMax * width)
    this.lengths = new Int32Array(capacity)
    this.present = new Int32Array(capacity * stepsMax)
    this.places = new Int32Array(stepsMax + 2)
  }

  /** Packed rows of the batch. */
  get packed(): number {
    return this.starts[this.steps]
  }

  /** Sequences that have this step, counted from 0. */
  activeAt(step: number): number {
    return this.starts[step + 1] - this.starts[step]
  }

  /** Takes `chosen` rows of `source`, or without them the first `count`. */
  pack(source: Float32Array, count: number, chosen: Uint32Array | null): void {
    this.count = count
    this.measure(source, chosen)
    this.arrange()
    for (let i = 0; i < count; i++) {
      const at = this.places[this.lengths[i]]++
      this.rows[at] = chosen === null ? i : chosen[i]
      this.copy(source, i, at)
    }
  }

  /** Finds the steps that are there. */
  private measure(source: Float32Array, chosen: Uint32Array | null): void {
    const { count, stepsMax, width, lengths, present } = this
    for (let i = 0; i < count; i++) {
      const start = (chosen === null ? i : chosen[i]) * stepsMax
      let length = 0
      for (let step = 0; step < stepsMax; step++) {
        if (isThere(source, (start + step) * width, width)) present[i * stepsMax + length++] = step
      }
      lengths[i] = length
    }
  }

  /** From the lengths: how many sequences have each step, and where those of a length begin. */
  private arrange(): void {
    const { count, stepsMax, starts, lengths, places } = this
    places.fill(0)
    for (let i = 0; i < count; i++) places[lengths[i]]++
    let longer = 0
    this.steps = 0
    for (let length = stepsMax; length >= 0; length--) {
      const same = places[length]
      if (same > 0 && longer === 0) this.steps = length
      places[length] = longer
      longer += same
    }
    starts[0] = 0
    for (let step = 0; step < this.steps; step++) starts[step + 1] = starts[step] + places[step]
  }

  /** Sequence `i` of the source to place `at` of the batch. */
  private copy(source: Float32Array, i: number, at: number): void {
    const { stepsMax, width, starts, inputs, lengths, present } = this
    for (let step = 0; step < lengths[i]; step++) {
      const row = this.rows[at] * stepsMax + present[i * stepsMax + step]
      const [from, to] = [row * width, (starts[step] + at) * width]
      for (let j = 0; j < width; j++) inputs[to + j] = clippedInput(source[from + j])
    }
  }
}

function isThere(source: Float32Array, at: number, width: number): boolean {
  for (let j = 0; j < width; j++) if (!Number.isNaN(source[at + j])) return true
  return false
}
