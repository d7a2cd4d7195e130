import type { Connection } from './server-process.ts'

/** What became of one message, as far as the answer says. */
export type Outcome =
  | { readonly kind: 'accepted'; readonly prediction?: unknown }
  | { readonly kind: 'refused'; readonly code: string }
  /** Refused for now; nothing of it was accepted. */
  | { readonly kind: 'busy'; readonly code: string }
  /** No answer: it may have been applied or not. */
  | { readonly kind: 'lost'; readonly timedOut: boolean }

export interface Sending {
  /** JSON texts of messages. */
  readonly messages: readonly string[]
  /** Their event times are taken as given. */
  readonly history: boolean
  /** Asks for a prediction after the last one. */
  readonly predict: string | null
  /** Type of the only message, which goes to a route of its own; null: `/v1/batch`. */
  readonly single: string | null
}

/** A way to the server. One outcome a message, in their order; never throws. */
export interface Channel {
  send(connection: Connection, sending: Sending): Promise<readonly Outcome[]>
  close(): void
}

export interface RejectedItem {
  readonly index: number
  readonly code: string
}

/** An item each: refused where the answer lists it, accepted otherwise. */
export function outcomesOf(count: number, rejected: readonly RejectedItem[] = []): Outcome[] {
  const outcomes: Outcome[] = Array.from({ length: count }, () => ({ kind: 'accepted' }))
  for (const { index, code } of rejected) outcomes[index] = { kind: 'refused', code }
  return outcomes
}

export function sameOutcomes(count: number, outcome: Outcome): Outcome[] {
  return Array.from({ length: count }, () => outcome)
}
