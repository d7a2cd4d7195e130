import type { IngestLimits } from '../event/limits.ts'
import type { ClockBase } from '../protocol/clock.ts'
import type { ProfileDefinition } from '../profile/definition.ts'

/** Everything a shard needs to know at its start; structured-clonable. */
export interface ShardOptions {
  readonly shard: number
  readonly shardCount: number
  /** The data directory; the shard's own environment is `shard-<n>` in it. */
  readonly dataDir: string
  readonly mapSizeMaxBytes: number
  readonly definition: ProfileDefinition
  readonly limits: IngestLimits
  readonly dedupeHours: number
  readonly dedupeBytesMax: number
  readonly checkpointIntervalMs: number
  /** How long records are kept after they were written; Infinity for ever. */
  readonly retentionMs: number
  /** How long retention waits beyond that, until it is told otherwise; 0 if absent. */
  readonly retentionLagMs?: number
  readonly deadLettersMax: number
  readonly deadLettersBytesMax: number
  /** Fire due instants of silent shoppers by the wall clock; an offline import leaves them. */
  readonly timers: boolean
  /** The process's clock; what the machine says if absent. */
  readonly clock?: ClockBase
}
