/** What a shop declares about its profiles: traits, segments and state machines. */

/** The five parts of a profile. */
export const PROFILE_PARTS = [
  'attributes',
  'behaviour',
  'interests',
  'consumption',
  'social',
] as const
export type ProfilePart = (typeof PROFILE_PARTS)[number]

export const TRAIT_OPERATIONS = [
  'count',
  'sum',
  'mean',
  'min',
  'max',
  'first',
  'last',
  'since',
  'distinct',
  'top',
  'recent',
  'ratio',
  'formula',
] as const
export type TraitOperation = (typeof TRAIT_OPERATIONS)[number]

/**
 * One declared value of a profile.
 *
 * - `count sum mean min max` over `window` (sliding), `halfLife` (decay; count and sum) or the lifetime
 * - `first last`: a numeric value or, with `text: true`, a string
 * - `since`: seconds from the last selected event to now (lifetime)
 * - `distinct`: exact number of distinct strings of `value`, up to `limit`
 * - `top`: the `k` heaviest strings of `value`, weights halved every `halfLife`
 * - `recent`: the last `k` events in order of arrival, each with its name, its time to the second and,
 *   where there is a `value`, that number
 * - `ratio`: `numerator / denominator`, both trait names; null when the denominator is 0
 * - `formula`: an expression over other traits, evaluated on reading
 */
export interface TraitDefinition {
  readonly part: ProfilePart
  readonly op: TraitOperation
  readonly description?: string
  readonly unit?: string
  /**
   * Which events: a vocabulary or custom event name (`Order Completed`), a message type
   * (`page`, `identify`, …), `Session Started`, `Session Ended`, or `*`; several as a list.
   */
  readonly on?: string | readonly string[]
  /** Expression over the event's properties; the event counts only where it is true. */
  readonly where?: string
  /**
   * What is summed, kept or counted: a field name (`revenue`), `products.quantity`,
   * `products.product_id`, `properties.any.path`, `traits.any`, or an expression over fields.
   */
  readonly value?: string
  readonly text?: boolean
  /** Sliding window such as `1h`, `24h`, `7d`, `30d`. */
  readonly window?: string
  /** Bucket width of the window; a divisor of it. Default: 5m (1h), 2h (24h), 1d (7d), 3d (30d). */
  readonly resolution?: string
  readonly halfLife?: string
  /** `top`: how many strings, 5 if absent; `recent`: how many events, 1 to 32, 16 if absent. */
  readonly k?: number
  /** `distinct`: most distinct values counted. */
  readonly limit?: number
  readonly numerator?: string
  readonly denominator?: string
  readonly formula?: string
  /** Whether bots' events count; default false. */
  readonly bots?: boolean
}

export interface SegmentDefinition {
  readonly description?: string
  /** Expression over traits, machine states, tags and attributes. */
  readonly when: string
}

/** A flat XState v5 machine, as JSON. Guards are expressions over the event and the profile. */
export interface MachineDefinition {
  readonly id: string
  readonly description?: string
  readonly initial: string
  readonly states: Readonly<Record<string, MachineState>>
}

export interface MachineState {
  readonly description?: string
  readonly on?: Readonly<Record<string, MachineTransition | readonly MachineTransition[] | string>>
  /** Duration (`30m`, or milliseconds) → transition. */
  readonly after?: Readonly<
    Record<string, MachineTransition | readonly MachineTransition[] | string>
  >
}

export interface MachineTransition {
  readonly target?: string
  readonly guard?: string
  readonly reenter?: boolean
}

export interface ProfileDefinition {
  readonly traits: Readonly<Record<string, TraitDefinition>>
  readonly segments: Readonly<Record<string, SegmentDefinition>>
  readonly machines: Readonly<Record<string, MachineDefinition>>
}
