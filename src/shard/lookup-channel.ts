import type { ErrorValue } from '../protocol/shards.ts'
import { ANSWER_FIELDS, LOOKUP_FIELDS } from './messages.ts'
import type { FromShard, ToShard } from './messages.ts'

/** A look-up as it goes to its shard, and who waits for the answer. */
export interface WaitingLookup {
  /** Index into `LOOKUPS`. */
  readonly what: number
  readonly id: string
  readonly minPosition: string
  readonly model: string
  /** `body` is a view that must not be kept. */
  take(status: number, body: Uint8Array): void
  fail(error: ErrorValue): void
}

/**
 * The look-ups on their way to one shard. A message between threads costs as much as several
 * answers, so at most one is under way: what is asked until it is answered goes with the next one.
 * An idle shard thus gets each look-up at the end of the event-loop turn, a busy one gets many at a
 * time, and no timer is needed. Owns those who wait; each is told once.
 */
export class LookupChannel {
  private readonly waiting = new Map<number, WaitingLookup>()
  private readonly post: (message: ToShard) => void
  private fields: (string | number)[] = []
  /** Look-ups posted so far: the number of the next one to be posted. */
  private posted = 0
  private unanswered = 0
  private scheduled = false

  constructor(post: (message: ToShard) => void) {
    this.post = post
  }

  add(lookup: WaitingLookup): void {
    const { what, id, minPosition, model } = lookup
    this.waiting.set(this.posted + this.fields.length / LOOKUP_FIELDS, lookup)
    this.fields.push(what, id, minPosition, model)
    if (this.unanswered > 0 || this.scheduled) return
    this.scheduled = true
    setImmediate(this.flush)
  }

  settle({ heads, bytes }: Extract<FromShard, { type: 'answers' }>): void {
    this.unanswered -= heads.length / ANSWER_FIELDS
    if (this.unanswered === 0 && !this.scheduled) this.flush()
    let start = 0
    for (let i = 0; i < heads.length; i += ANSWER_FIELDS) {
      const [number, status, end] = [heads[i], heads[i + 1], heads[i + 2]]
      const lookup = this.waiting.get(number)
      this.waiting.delete(number)
      lookup?.take(status, bytes.subarray(start, end))
      start = end
    }
  }

  fail(error: ErrorValue): void {
    const waiting = [...this.waiting.values()]
    this.waiting.clear()
    this.fields = []
    for (const lookup of waiting) lookup.fail(error)
  }

  private readonly flush = (): void => {
    this.scheduled = false
    const { fields, posted } = this
    if (fields.length === 0) return
    this.fields = []
    this.unanswered = fields.length / LOOKUP_FIELDS
    this.posted += this.unanswered
    this.post({ type: 'lookups', first: posted, fields })
  }
}
