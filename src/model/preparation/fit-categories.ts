import type { PreparationOptions } from './options.ts'
import { NOT_KEPT } from './plan.ts'

/** Inputs in the order in which they are written. */
export class InputNames {
  readonly names: string[] = []

  /** The place of a new input. */
  add(name: string): number {
    return this.names.push(name) - 1
  }
}

export interface FlagRequest {
  /** Of the column, or of the columns taken together. */
  readonly title: string
  /** Rows of each code. */
  readonly counts: Float64Array
  readonly textOf: (code: number) => string
  readonly options: PreparationOptions
  /** Whether categories without a flag of their own have one together. */
  readonly others: boolean
}

/**
 * Gives frequent categories a flag of their own. The others share one flag or, where there are more
 * than `hashAbove`, `buckets` flags by the hash of their text (Weinberger et al., Feature Hashing for
 * Large Scale Multitask Learning, ICML 2009). A code without a row has the flag of the rare ones.
 */
export function fitFlags(request: FlagRequest, inputs: InputNames): Int32Array {
  const { title, counts, textOf, options, others } = request
  const slots = new Int32Array(counts.length).fill(NOT_KEPT)
  const frequent = frequentCodes(counts, options)
  for (const code of frequent) slots[code] = inputs.add(`${title} = ${textOf(code)}`)
  const rare = [...counts.keys()].filter((code) => slots[code] === NOT_KEPT)
  if (!others || rare.every((code) => counts[code] === 0)) return slots
  if (counts.length <= options.hashAbove) {
    const shared = inputs.add(`${title} = (rare)`)
    for (const code of rare) slots[code] = shared
    return slots
  }
  const buckets = Array.from({ length: options.buckets }, (_, i) =>
    inputs.add(`${title} in bucket ${i + 1}`),
  )
  for (const code of rare) slots[code] = buckets[hashText(textOf(code)) % buckets.length]
  return slots
}

/** In order of their codes. */
function frequentCodes(counts: Float64Array, { rareRows, flagsMax }: PreparationOptions): number[] {
  const codes = [...counts.keys()].filter((code) => counts[code] >= Math.max(1, rareRows))
  codes.sort((a, b) => counts[b] - counts[a] || a - b)
  return codes.slice(0, flagsMax).sort((a, b) => a - b)
}

/** FNV-1a over UTF-16 units, with a final mixing. */
function hashText(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  return (h ^ (h >>> 13)) >>> 0
}
