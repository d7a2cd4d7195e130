/**
 * The typed messages where gateway and shards meet. The gateway sees shards only as {@link Shards};
 * whether they are threads or run in the same thread is the composition root's business.
 */

/** An error as data: it crosses threads and becomes `{"error":{code,message}}`. */
export interface ErrorValue {
  readonly code: string
  readonly message: string
  readonly retryable?: boolean
}

/** Which route a body came in by: fixes the message type, or allows many (`batch`, `stream`). */
export type IngestRoute =
  | 'track'
  | 'identify'
  | 'page'
  | 'screen'
  | 'group'
  | 'alias'
  | 'batch'
  | 'import'
  | 'stream'

export interface IngestRequest {
  readonly route: IngestRoute
  /** The body, decompressed, as received; ownership passes to the shard. */
  readonly body: Uint8Array<ArrayBuffer>
  readonly receivedAt: number
  /** Names of models to score with after the last event of each profile; empty for none. */
  readonly predict: readonly string[]
  /** The client's user agent, where the transport knows it; a fallback for `context.userAgent`. */
  readonly userAgent: string
  /** Frames with the same lane keep their order (one lane a connection). */
  readonly lane: number
}

export interface RejectedItem {
  readonly index: number
  readonly code: string
  readonly reason: string
}

export interface IngestReply {
  /** The frame's `seq`, where it had one. */
  readonly sequence: number | null
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: readonly RejectedItem[]
  /** `shard:sequence[,shard:sequence…]` of the last record of each shard; '' when none. */
  readonly position: string
  /** With `predict`: model → prediction after exactly the frame's last event. */
  readonly predictions: Readonly<Record<string, PredictionValue | { error: ErrorValue }>> | null
  /** The whole body was refused; nothing of it was accepted. */
  readonly error: ErrorValue | null
}

export interface PredictionValue {
  readonly model: string
  readonly version: string
  /** Probability (of the second class; of several, of the label's), or value. */
  readonly score: number
  /** The class that it is taken for; null of a value. */
  readonly label: string | null
  /** Probability of each class, where there are several. */
  readonly scores?: Readonly<Record<string, number>>
  /** Position of the profile's last record that the score has seen. */
  readonly position: string
}

export type ProfileScope = 'all' | 'traits' | 'segments' | 'machines'

/** Look-ups. `id` is as in the URL: `user:x`, `anonymous:x` or `x` (a user). */
export type Query =
  | {
      readonly kind: 'profile'
      readonly id: string
      readonly scope: ProfileScope
      readonly minPosition: string
      /** ms since 1970 for time travel, or null for now. */
      readonly at: number | null
    }
  | {
      readonly kind: 'events'
      readonly id: string
      readonly limit: number
      readonly before: string
    }
  /** Who the id is joined with, and the records that made it so; of the id itself, joined or not. */
  | {
      readonly kind: 'identity'
      readonly id: string
      readonly limit: number
      readonly before: string
    }
  | {
      readonly kind: 'predictions'
      readonly id: string
      /** null: all models. */
      readonly model: string | null
      readonly minPosition: string
    }
  | { readonly kind: 'predictionBatch'; readonly model: string; readonly ids: readonly string[] }
  | { readonly kind: 'segments' }
  | { readonly kind: 'segment'; readonly name: string }
  | {
      readonly kind: 'members'
      readonly name: string
      readonly cursor: string
      readonly limit: number
    }
  | { readonly kind: 'models' }

/** `body` is the JSON text of the answer or of `{"error":…}`. */
export interface QueryReply {
  readonly status: number
  readonly body: string
}

/**
 * Who asked. Exactly one of both is called, once. `body` is as in {@link QueryReply}, as text or as
 * UTF-8 bytes; these are not to be changed.
 */
export interface QueryListener {
  answered(status: number, body: string | Uint8Array): void
  failed(error: unknown): void
}

/** Topics: `overview`, `profile:<id>`, `segment:<name>`, `states:<machine>`. */
export type LiveTopic = string
export interface LiveMessage {
  readonly topic: LiveTopic
  /** JSON text: `{"topic":…,"time":…,"data":…}`. */
  readonly body: string
}

/** Counters since the process started and gauges now, summed over shards unless noted. */
export interface ShardStats {
  readonly shard: number
  readonly state: string
  readonly counters: Readonly<Record<string, number>>
  readonly gauges: Readonly<Record<string, number>>
  /** Rejections by error code. */
  readonly rejected: Readonly<Record<string, number>>
  /** What each trait that keeps texts has taken of its part of the shard's texts. */
  readonly texts?: readonly TextStats[]
}

export interface TextStats {
  readonly field: string
  readonly texts: number
  readonly textsMax: number
  readonly refused: number
}

export interface Shards {
  readonly count: number
  /** True when every shard is live. */
  ready(): boolean
  /**
   * Refuses with `ERR_OVERLOADED` (retryable) when the bounded mailboxes are full, with
   * `ERR_SHARD_UNAVAILABLE` while a shard restarts. Never rejects the promise for these.
   */
  ingest(request: IngestRequest): Promise<IngestReply>
  /** Answers errors of the query as `answered`; `failed` is for what should not happen. */
  ask(query: Query, listener: QueryListener): void
  /** Undoes the newest join of the id; answered when its records have come back, or are to. */
  undo(id: string, listener: QueryListener): void
  subscribe(topic: LiveTopic, listener: (message: LiveMessage) => void): () => void
  stats(): Promise<readonly ShardStats[]>
}

/** The reply to a body of which nothing was taken. */
export function emptyReply(): IngestReply {
  return {
    sequence: null,
    accepted: 0,
    duplicates: 0,
    rejected: [],
    position: '',
    predictions: null,
    error: null,
  }
}
