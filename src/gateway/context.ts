import type { Logger } from 'pino'
import type { GatewayMetrics } from '../observe/metrics.ts'
import type { ServedClock } from '../protocol/clock.ts'
import type { Shards } from '../protocol/shards.ts'
import type { Admission } from './admission.ts'
import type { BodyIntake } from './body-intake.ts'
import type { GatewayConfig } from './gateway-config.ts'
import type { KeyRing } from './keys.ts'
import type { HttpExchange } from './transport.ts'

/** What handlers work with; one for a gateway. */
export interface GatewayContext {
  readonly shards: Shards
  /** Says when something arrived. */
  readonly clock: ServedClock
  readonly keys: KeyRing
  readonly config: GatewayConfig
  readonly log: Logger
  readonly metrics: GatewayMetrics
  readonly admission: Admission
  readonly intake: BodyIntake
  /** No new events are taken. */
  draining: boolean
}

/** `parameters` are percent-encoded, in the order of the route's pattern. */
export type RequestHandler = (
  exchange: HttpExchange,
  parameters: readonly string[],
  context: GatewayContext,
) => void
