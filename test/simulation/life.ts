/** What a life calls that a crash may strike at. */
export type CallKind = 'store' | 'port' | 'clock'

/**
 * The life of a simulated thread. Everything that a thread does to the world goes through calls of
 * its store, its ports and its clock, and each asks here first: from the call that a crash struck at
 * on, none has any effect, which is all that can be seen of a thread that is gone.
 */
export class Life {
  readonly name: string
  alive = true
  /** Of what it has posted, that which would arrive later than this is lost. */
  lostAfterMs = Number.POSITIVE_INFINITY
  /** Recovers: one turn that is as long as the journal. */
  starting = true
  private readonly struck: (life: Life, kind: CallKind) => void

  constructor(name: string, struck: (life: Life, kind: CallKind) => void) {
    this.name = name
    this.struck = struck
  }

  /** One call; false when it may not have any effect. */
  called(kind: CallKind): boolean {
    if (!this.alive) return false
    this.struck(this, kind)
    return this.alive
  }
}
