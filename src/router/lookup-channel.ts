import type { ErrorValue } from '../protocol/shards.ts'
import type { Clock } from '../runtime/clock.ts'
import { ANSWER_FIELDS, LOOKUP_FIELDS } from '../protocol/shard-messages.ts'
import type { FromShard, ToShard } from '../protocol/shard-messages.ts'

/** A look-up as it goes to its shard, and who waits for the answer. */
export interface WaitingLookup {
  /** Index into `LOOKUPS`. */
  readonly what: number
  readonly id: string
  readonly minPosition: string
  readonly model: string
  /** `body` is a view that must not be changed. */
  take(status: number, body: Uint8Array): void
  fail(error: ErrorValue): void
}

/** Look-ups that may wait for one shard; more are refused with `ERR_OVERLOADED`. */
export const LOOKUPS_WAITING_MAX = 65_536
/** A shard that has not answered for so long has events at hand or no processor. */
const BUSY_MS = 1

/**
 * The look-ups on their way to one shard. A message between threads costs as much as several
 * answers, so as a rule one is under way: what is asked until it is answered goes with the next one.
 * A shard with nothing else to do thus gets each look-up at the end of the event-loop turn, and many
 * at a time when there are many; no timer is needed. To a shard that is slow to answer messages go
 * out all the same, for it answers whatever has come when it next looks. Owns those who wait, at
 * most {@link LOOKUPS_WAITING_MAX}; each is told once.
 */
export class LookupChannel {
  private readonly waiting = new Map<number, WaitingLookup>()
  private readonly post: (message: ToShard) => void
  private readonly clock: Clock
  private fields: (string | number)[] = []
  /** Look-ups posted so far: the number of the next one to be posted. */
  private posted = 0
  private unanswered = 0
  private postedAt = 0
  private scheduled = false

  constructor(clock: Clock, post: (message: ToShard) => void) {
    this.clock = clock
    this.post = post
  }

  add(lookup: WaitingLookup): void {
    if (this.waiting.size >= LOOKUPS_WAITING_MAX) return lookup.fail(TOO_MANY)
    const { what, id, minPosition, model } = lookup
    this.waiting.set(this.posted + this.fields.length / LOOKUP_FIELDS, lookup)
    this.fields.push(what, id, minPosition, model)
    if (this.scheduled) return
    if (this.unanswered > 0 && this.clock.monotonic() - this.postedAt < BUSY_MS) return
    this.scheduled = true
    this.clock.soon(this.flush)
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
    const count = fields.length / LOOKUP_FIELDS
    this.unanswered += count
    this.posted += count
    this.postedAt = this.clock.monotonic()
    this.post({ type: 'lookups', first: posted, fields })
  }
}

const TOO_MANY: ErrorValue = {
  code: 'ERR_OVERLOADED',
  message: `more than ${LOOKUPS_WAITING_MAX} look-ups wait for this shard; slow down`,
  retryable: true,
}
