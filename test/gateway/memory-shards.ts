import type {
  IngestReply,
  IngestRequest,
  LiveMessage,
  LiveTopic,
  Query,
  QueryListener,
  QueryReply,
  RejectedItem,
  Shards,
  ShardStats,
} from '../../src/protocol/shards.ts'

interface Item {
  readonly userId?: string
  readonly anonymousId?: string
  readonly event?: string
}

/**
 * Shards in memory: keeps what came in, and lets a test hold, refuse or fail it. An item without
 * an id is rejected as the decoder would.
 */
export class MemoryShards implements Shards {
  readonly count = 1
  readonly requests: IngestRequest[] = []
  readonly queries: Query[] = []
  readonly events: Item[] = []
  /** Replaces the reply of `ingest` while it is set. */
  reply: Partial<IngestReply> | null = null
  queryReply: QueryReply = { status: 200, body: '{"traits":{}}' }
  isReady = true
  #held: (() => void)[] | null = null
  readonly #listeners = new Map<LiveTopic, Set<(message: LiveMessage) => void>>()

  ready(): boolean {
    return this.isReady
  }

  /** From now on replies wait for {@link release}. */
  hold(): void {
    this.#held = []
  }

  get heldCount(): number {
    return this.#held?.length ?? 0
  }

  /** Lets held replies go, in the given order or as they came. */
  release(order?: readonly number[]): void {
    const held = this.#held ?? []
    this.#held = null
    for (const index of order ?? held.keys()) held[index]?.()
  }

  async ingest(request: IngestRequest): Promise<IngestReply> {
    this.requests.push(request)
    const reply = this.#apply(request)
    const held = this.#held
    if (held !== null) await new Promise<void>((resolve) => held.push(resolve))
    return reply
  }

  undo(id: string, listener: QueryListener): void {
    const body = JSON.stringify({
      id,
      state: 'done',
      undone: true,
      from: 'user:u1',
      position: '0:1',
    })
    queueMicrotask(() => listener.answered(200, body))
  }

  ask(query: Query, listener: QueryListener): void {
    this.queries.push(query)
    const { status, body } = this.queryReply
    queueMicrotask(() => listener.answered(status, body))
  }

  subscribe(topic: LiveTopic, listener: (message: LiveMessage) => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(topic)
    }
  }

  get topics(): LiveTopic[] {
    return [...this.#listeners.keys()]
  }

  publish(topic: LiveTopic, data: unknown): void {
    const body = JSON.stringify({ topic, time: 0, data })
    for (const listener of this.#listeners.get(topic) ?? []) listener({ topic, body })
  }

  stats(): Promise<readonly ShardStats[]> {
    return Promise.resolve([
      {
        shard: 0,
        state: 'live',
        counters: { events: this.events.length },
        gauges: { mailboxBytes: 0 },
        rejected: { ERR_EVENT_ID: 1 },
      },
    ])
  }

  #apply(request: IngestRequest): IngestReply {
    const body = parse(request.body)
    if (body === null) return replyOf({ error: { code: 'ERR_EVENT_JSON', message: 'not JSON' } })
    const items: Item[] = body.batch ?? [body]
    const rejected: RejectedItem[] = []
    for (const [index, item] of items.entries()) {
      if (item.userId === undefined && item.anonymousId === undefined) {
        rejected.push({ index, code: 'ERR_EVENT_ID', reason: 'needs userId or anonymousId' })
      } else this.events.push(item)
    }
    const predictions = Object.fromEntries(
      request.predict.map((model) => [
        model,
        { model, version: '1', score: 0.5, label: null, position: `0:${this.events.length}` },
      ]),
    )
    return replyOf({
      sequence: body.seq ?? null,
      accepted: items.length - rejected.length,
      rejected,
      position: `0:${this.events.length}`,
      predictions: request.predict.length === 0 ? null : predictions,
      ...this.reply,
    })
  }
}

function replyOf(reply: Partial<IngestReply>): IngestReply {
  return {
    sequence: null,
    accepted: 0,
    duplicates: 0,
    rejected: [],
    position: '',
    predictions: null,
    error: null,
    ...reply,
  }
}

function parse(body: Uint8Array): (Item & { batch?: Item[]; seq?: number }) | null {
  try {
    return JSON.parse(Buffer.from(body).toString())
  } catch {
    return null
  }
}
