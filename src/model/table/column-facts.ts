import { isMissing, isPadded, parseDays, parseNumber, parseTruth } from './cells.ts'

/** A text column with more categories is left out. */
export const CATEGORIES_MAX = 10_000

/**
 * What is known of a column after its cells were seen, one by one. Memory is bounded: beyond
 * CATEGORIES_MAX + 1 different texts no further ones are kept.
 */
export class ColumnFacts {
  readonly name: string
  rows = 0
  present = 0
  numbers = 0
  wholes = 0
  negatives = 0
  padded = 0
  truths = 0
  times = 0
  /** Rows seen when the texts had become too many to keep; 0: they are all kept. */
  overflowAt = 0
  firstDay = Number.POSITIVE_INFINITY
  /** Texts and how often each was seen. */
  readonly texts = new Map<string, number>()
  private last = Number.NEGATIVE_INFINITY
  private rising = true

  constructor(name: string) {
    this.name = name
  }

  /** Takes a cell, trimmed. */
  add(text: string): void {
    this.rows++
    if (isMissing(text)) return
    this.present++
    const number = parseNumber(text)
    if (number === number) this.addNumber(text, number)
    else this.rising = false
    if (parseTruth(text) >= 0) this.truths++
    const day = parseDays(text)
    if (day === day) {
      this.times++
      this.firstDay = Math.min(this.firstDay, day)
    }
    if (this.overflowAt === 0) this.addText(text)
  }

  /** Share of the present cells, as far as texts were kept, that no other row has. */
  get distinctShare(): number {
    if (this.present === 0) return 0
    return this.texts.size / (this.overflowAt === 0 ? this.present : this.overflowAt)
  }

  /** Each number is whole and above the one before it. */
  get isRising(): boolean {
    return this.rising && this.wholes === this.present
  }

  private addNumber(text: string, number: number): void {
    this.numbers++
    if (Number.isInteger(number)) this.wholes++
    if (number < 0) this.negatives++
    if (isPadded(text)) this.padded++
    if (number <= this.last) this.rising = false
    this.last = number
  }

  private addText(text: string): void {
    this.texts.set(text, (this.texts.get(text) ?? 0) + 1)
    if (this.texts.size > CATEGORIES_MAX) this.overflowAt = this.present
  }
}
