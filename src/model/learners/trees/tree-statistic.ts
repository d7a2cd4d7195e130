import type { Split, SplitRules } from './tree-split.ts'

/**
 * What a tree sums over the rows of a node to choose splits and to fill leaves. Sums of a node are
 * `channels` numbers; a histogram holds them for each code of an input.
 */
export interface Statistic {
  readonly channels: number
  /** Copies what is summed for `rows[start]` to `rows[end - 1]`, in their order. */
  gather(rows: Uint32Array<ArrayBuffer>, start: number, end: number): void
  /** Sums over the gathered rows. */
  total(): Float64Array
  /** Adds the gathered rows to the parts that some inputs have of a histogram. */
  add(histogram: Float64Array, inputs: Uint32Array, layout: HistogramLayout): void
  /** Replaces `best` where a split of the input's part of a histogram gains more. */
  scan(part: HistogramPart, node: Float64Array, best: Split): void
  weight(sums: Float64Array): number
}

export interface HistogramLayout {
  /** Of each input, its codes. */
  readonly columns: readonly Uint8Array[]
  /** Of each input, the code at which its part begins. */
  readonly bases: Uint32Array
}

export interface HistogramPart {
  readonly histogram: Float64Array
  /** Code at which the input's part begins. */
  readonly base: number
  /** Codes of the input, the missing one included. */
  readonly codes: number
  readonly input: number
  readonly rules: SplitRules
}
