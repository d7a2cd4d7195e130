import { categoryCode } from '../../profile/category-code.ts'
import type { Feature } from '../../profile/feature-vector.ts'

const CODES = 1 << 24
const NUMBERED_MAX = 1 << 20
const REST = 0

/**
 * Which codes of categories occur in the rows taken, and the texts of these. A bit for each code that
 * there can be: 2 MiB. Of texts that share a code the first in order of text is kept.
 */
export class CategoryTexts {
  private readonly seen = new Uint8Array(CODES >> 3)
  private readonly texts = new Map<number, string>()
  private readonly columns: readonly number[]

  constructor(features: readonly Feature[]) {
    this.columns = features.flatMap(({ kind }, column) => (kind === 'category' ? [column] : []))
  }

  /** A row was written to `out` from `offset` on. */
  saw(out: Float32Array, offset: number): void {
    for (let i = 0; i < this.columns.length; i++) {
      const code = out[offset + this.columns[i]]
      if (code === code) this.seen[code >> 3] |= 1 << (code & 7)
    }
  }

  /** Takes over the texts of a shard whose codes occur. */
  take(texts: Iterable<string>): void {
    if (this.columns.length === 0) return
    for (const text of texts) {
      const code = categoryCode(text)
      if (code !== code || (this.seen[code >> 3] & (1 << (code & 7))) === 0) continue
      const known = this.texts.get(code)
      if (known === undefined || text < known) this.texts.set(code, text)
    }
  }

  /** The text of a code that occurs; undefined where no profile has held it as text. */
  textOf(code: number): string | undefined {
    return this.texts.get(code)
  }
}

/** Numbers texts from 1 on, in the order in which they come; beyond 2^20 all are number 0. */
export class TextNumbers {
  private readonly numbers = new Map<string, number>()
  private readonly texts: (string | null)[] = [null]

  numberOf(text: string): number {
    const known = this.numbers.get(text)
    if (known !== undefined) return known
    if (this.texts.length > NUMBERED_MAX) return REST
    this.numbers.set(text, this.texts.length)
    return this.texts.push(text) - 1
  }

  /** Null for 0, which stands for the rest. */
  textOf(number: number): string | null {
    return this.texts[number]
  }
}
