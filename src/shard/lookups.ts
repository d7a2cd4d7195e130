import { JsonBytes } from '../profile/json-bytes.ts'
import { LOOKUPS, LOOKUP_FIELDS } from '../protocol/shard-messages.ts'
import type { FromShard, ShardPort, ToShard } from '../protocol/shard-messages.ts'
import type { Predictor } from './predictor.ts'
import type { Queries } from './queries.ts'

/** Bytes of answers posted together at most, one answer more or less. */
const POST_BYTES_MAX = 256 * 1024

/**
 * Answers the look-ups of a shard. These do not queue behind bodies: a look-up promises what is
 * acknowledged, and that is applied already. Bodies that wait are not acknowledged, so a look-up may
 * overtake them; it must only find whole records applied, which the caller sees to.
 *
 * Owns the answers that are not posted yet: their JSON lies back to back in one buffer, which goes to
 * the gateway's thread and to the socket as it is.
 */
export class Lookups {
  readonly body = new JsonBytes()
  private heads: number[] = []
  private readonly queries: Queries
  private readonly predictor: Predictor
  private readonly port: ShardPort

  constructor(queries: Queries, predictor: Predictor, port: ShardPort) {
    this.queries = queries
    this.predictor = predictor
    this.port = port
  }

  /** Answers all of a message; predictions are scored together. */
  answer({ first, fields }: Extract<ToShard, { type: 'lookups' }>): void {
    let number = first
    for (let i = 0; i < fields.length; i += LOOKUP_FIELDS) {
      const what = LOOKUPS[fields[i] as number]
      const id = fields[i + 1] as string
      const minPosition = fields[i + 2] as string
      const model = fields[i + 3] as string
      this.queries.lookUp({ number: number++, what, id, minPosition, model }, this)
      if (this.body.length > POST_BYTES_MAX) this.post()
    }
    this.predictor.scoreWaiting()
    this.post()
  }

  /** Closes the answer whose JSON was appended to {@link body}. */
  answered(number: number, status: number): void {
    this.heads.push(number, status, this.body.length)
  }

  private post(): void {
    if (this.heads.length === 0) return
    const { heads } = this
    const bytes = this.body.copy()
    this.heads = []
    this.body.clear()
    this.port.post([{ type: 'answers', heads, bytes } satisfies FromShard], [bytes.buffer])
  }
}
