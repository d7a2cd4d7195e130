/**
 * Texts that one shard's traits keep, all fields together; each field has an equal part of its own, so
 * that one which is flooded takes nothing from the others.
 */
export const TEXTS_MAX = 1 << 20
/** Bytes of a field's texts, as a mean over its part: 128 MiB a shard. */
export const TEXT_BYTES_MEAN_MAX = 128
/** A field that has this much of its part taken has texts collected that no profile holds any more … */
const COLLECT_FROM = 0.75
/** … again after so many new texts, as a share of its part. */
const COLLECT_EVERY = 1 / 8

/** What a field has taken of its part. The field is a trait's name; nothing here is of a shopper. */
export interface TextUse {
  readonly field: string
  readonly texts: number
  readonly textsMax: number
  readonly bytes: number
  readonly bytesMax: number
  /** How often a new text found no room and became `(other)`. */
  readonly refused: number
}

export class FieldTexts implements TextUse {
  readonly field: string
  readonly textsMax: number
  readonly bytesMax: number
  texts = 0
  bytes = 0
  refused = 0
  /** New texts since the last collection, with those that found no room. */
  private asked = 0

  constructor(field: string, textsMax: number) {
    this.field = field
    this.textsMax = textsMax
    this.bytesMax = textsMax * TEXT_BYTES_MEAN_MAX
  }

  hasRoomFor(bytes: number, stretch: number): boolean {
    return this.texts < this.textsMax * stretch && this.bytes + bytes <= this.bytesMax * stretch
  }

  /** A new text came; true when it is time to collect. */
  ask(): boolean {
    this.asked++
    return (
      this.asked >= this.textsMax * COLLECT_EVERY &&
      (this.texts >= this.textsMax * COLLECT_FROM || this.bytes >= this.bytesMax * COLLECT_FROM)
    )
  }

  collected(): void {
    this.asked = 0
  }
}
