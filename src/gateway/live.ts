/** Live subscriptions (`/v1/live`): topics in, changes out. */
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { toErrorValue } from '../protocol/errors.ts'
import type { ErrorValue, LiveMessage, LiveTopic } from '../protocol/shards.ts'
import type { GatewayContext } from './context.ts'
import { errorBody } from './http-error.ts'
import type { OwnedBytes, ServerSocket, SocketListener } from './transport.ts'

/** Of `liveTopicsMax`, and of one command. */
const LIVE_TOPICS_BOUND = 10_000
const TOPIC = /^(?:overview|(?:profile|segment|states):.{1,512})$/su
/** Shares of `socketBufferBytesMax`: overview messages are dropped above the first, above the second the socket is closed. */
const DROP_SHARE = 0.25
const CLOSE_SHARE = 0.5

const Topics = Type.Array(Type.String(), { maxItems: LIVE_TOPICS_BOUND })
const checkCommand = Compile(
  Type.Object(
    { subscribe: Type.Optional(Topics), unsubscribe: Type.Optional(Topics) },
    { additionalProperties: false, minProperties: 1 },
  ),
)

/** One upstream subscription a topic, however many clients want it. */
export class LiveHub {
  readonly #context: GatewayContext
  readonly #topics = new Map<LiveTopic, { clients: Set<LiveClient>; stop: () => void }>()

  constructor(context: GatewayContext) {
    this.#context = context
  }

  join(topic: LiveTopic, client: LiveClient): void {
    const known = this.#topics.get(topic)
    if (known !== undefined) {
      known.clients.add(client)
      return
    }
    const clients = new Set([client])
    const stop = this.#context.shards.subscribe(topic, (message) => {
      for (const each of clients) each.deliver(message)
    })
    this.#topics.set(topic, { clients, stop })
  }

  leave(topic: LiveTopic, client: LiveClient): void {
    const entry = this.#topics.get(topic)
    if (entry === undefined || !entry.clients.delete(client) || entry.clients.size > 0) return
    this.#topics.delete(topic)
    entry.stop()
  }
}

/** One subscriber. What waits for it is bounded by the socket's buffer. */
export class LiveClient implements SocketListener {
  readonly #context: GatewayContext
  readonly #hub: LiveHub
  readonly #first: readonly LiveTopic[]
  readonly #topics = new Set<LiveTopic>()
  #socket: ServerSocket | null = null

  constructor(context: GatewayContext, hub: LiveHub, topics: readonly LiveTopic[]) {
    this.#context = context
    this.#hub = hub
    this.#first = topics
  }

  opened(socket: ServerSocket): void {
    this.#socket = socket
    this.#context.metrics.webSockets.inc({ route: '/v1/live' })
    for (const topic of this.#first) this.#join(topic)
    if (this.#first.length > 0) this.#report()
  }

  closed(): void {
    this.#socket = null
    for (const topic of this.#topics) this.#hub.leave(topic, this)
    this.#topics.clear()
    this.#context.metrics.webSockets.dec({ route: '/v1/live' })
  }

  message(bytes: OwnedBytes, binary: boolean): void {
    const refusal = binary ? commandError('The frame is binary') : this.#obey(bytes)
    if (refusal === null) this.#report()
    else this.#socket?.send([errorBody(refusal)])
  }

  deliver(message: LiveMessage): void {
    const socket = this.#socket
    if (socket === null || !socket.open) return
    const { metrics, config } = this.#context
    const waiting = socket.bufferedBytes / config.socketBufferBytesMax
    if (waiting > CLOSE_SHARE) {
      metrics.liveMessages.inc({ outcome: 'closed' })
      socket.close(1013, 'the subscriber reads too slowly')
    } else if (waiting > DROP_SHARE && message.topic === 'overview') {
      metrics.liveMessages.inc({ outcome: 'dropped' })
    } else {
      metrics.liveMessages.inc({ outcome: 'sent' })
      socket.send([message.body])
    }
  }

  #obey(bytes: OwnedBytes): ErrorValue | null {
    let command: unknown
    try {
      command = JSON.parse(new TextDecoder().decode(bytes))
    } catch (error) {
      return commandError(toErrorValue(error).message)
    }
    if (!checkCommand.Check(command)) return commandError('The frame has another shape')
    const { subscribe = [], unsubscribe = [] } = command
    const { liveTopicsMax } = this.#context.config
    const refusal = topicsProblem(subscribe, liveTopicsMax)
    if (refusal !== null) return refusal
    for (const topic of unsubscribe) {
      if (this.#topics.delete(topic)) this.#hub.leave(topic, this)
    }
    const wanted = new Set([...this.#topics, ...subscribe])
    if (wanted.size > liveTopicsMax) return tooManyTopics(liveTopicsMax)
    for (const topic of subscribe) this.#join(topic)
    return null
  }

  #join(topic: LiveTopic): void {
    if (this.#topics.has(topic)) return
    this.#topics.add(topic)
    this.#hub.join(topic, this)
  }

  #report(): void {
    this.#socket?.send([JSON.stringify({ subscribed: [...this.#topics] })])
  }
}

/** Why these topics are refused, or null. */
export function topicsProblem(topics: readonly string[], topicsMax: number): ErrorValue | null {
  if (topics.length > topicsMax) return tooManyTopics(topicsMax)
  const wrong = topics.find((topic) => !TOPIC.test(topic))
  if (wrong === undefined) return null
  const message = 'A topic is overview, profile:<id>, segment:<name> or states:<machine>'
  return { code: 'ERR_LIVE_TOPIC', message }
}

function tooManyTopics(topicsMax: number): ErrorValue {
  const message = `At most ${topicsMax} topics a connection (live.topicsMax)`
  return { code: 'ERR_LIVE_TOPIC', message }
}

function commandError(reason: string): ErrorValue {
  const message = `Send {"subscribe":[topics]} or {"unsubscribe":[topics]}: ${reason}`
  return { code: 'ERR_LIVE_COMMAND', message }
}
