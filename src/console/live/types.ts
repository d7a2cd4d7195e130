/** The answers of the server that the console reads; every field may be missing. */
export type Values = Readonly<Record<string, unknown>>

export interface WeightedTag {
  readonly value: string
  readonly weight: number
}

export interface Profile {
  readonly id?: string
  readonly kind?: string
  readonly position?: string
  readonly firstSeenAt?: string | number | null
  readonly lastSeenAt?: string | number | null
  readonly attributes?: Values
  readonly behaviour?: Values
  readonly interests?: Values
  readonly consumption?: Values
  readonly social?: Values
  readonly machines?: Readonly<Record<string, string>>
  readonly segments?: readonly string[]
  readonly links?: readonly unknown[]
}

export interface Prediction {
  readonly model?: string
  readonly version?: string
  readonly score?: number
  readonly label?: string | null
}

export type Predictions = Readonly<Record<string, Prediction | undefined>>

export interface RecentShopper {
  readonly id: string
  readonly event: string
  readonly time: number
}

export interface OverviewData {
  readonly profiles?: number
  readonly eventsTotal?: number
  readonly eventsPerSecond?: number
  readonly rejectedTotal?: number
  readonly duplicatesTotal?: number
  readonly latencyMs?: { readonly p50?: number | null; readonly p99?: number | null }
  readonly shards?: readonly { readonly shard: number; readonly state: string }[]
  readonly segments?: Readonly<Record<string, number>>
  readonly recent?: readonly RecentShopper[]
}

export interface StoredEvent {
  readonly position?: string
  readonly receivedAt?: string | number
  readonly message?: Values
}

export interface SegmentInfo {
  readonly name: string
  readonly description?: string
  readonly when?: string
  readonly count?: number
}

export interface LiveProfileData {
  /** The shopper logged in: the profile that has the history now. */
  readonly forwardedTo?: string
  readonly profile?: Profile
  readonly event?: {
    readonly type?: string
    readonly event?: string
    readonly time?: number
  } | null
  readonly predictions?: Predictions | null
}
