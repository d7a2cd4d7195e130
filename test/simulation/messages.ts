/** A message of a shopper, and what is known of its fate. Instants are counts of what happened. */
export interface Message {
  readonly id: string
  readonly type: 'track' | 'identify' | 'alias'
  readonly user: string | null
  readonly anonymous: string | null
  /** Of an alias. */
  readonly previous: string | null
  /** Whether {@link previous} is a device's id. */
  readonly previousIsDevice: boolean
  readonly json: string
  readonly imported: boolean
  readonly connection: number
  /** Order on its connection. */
  readonly number: number
  sentAt: number
  /** Infinity until it is acknowledged. */
  acknowledgedAt: number
  attempts: number
  inFlight: number
  /** The code with which it was refused for good, or null. */
  refused: string | null
  /** Of the process and the instant at which it was first answered, for order. */
  clean: boolean
}

export function isAcknowledged(message: Message): boolean {
  return message.acknowledgedAt < Number.POSITIVE_INFINITY
}

/** `user:x` or `anonymous:x`: whose event it says it is. */
export function keyOf(message: Message): string {
  return message.user === null ? `anonymous:${message.anonymous ?? ''}` : `user:${message.user}`
}
