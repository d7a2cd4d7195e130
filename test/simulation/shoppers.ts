import type { IngestReply, IngestRoute } from '../../src/protocol/shards.ts'
import type { Operation } from './coverage.ts'
import { isAcknowledged } from './messages.ts'
import type { Message } from './messages.ts'
import { Random } from './random.ts'
import type { World } from './world.ts'

/**
 * Ids in use at a time, and sends after which the oldest gives way to a new one: where that is soon,
 * many small profiles meet, and where it is late, few large ones, which take long to fold.
 */
const USERS = 12
const SENDS_A_USER = [15, 25, 25, 60]
const DEVICES = 16
const DEVICES_A_USER = 4
const CONNECTIONS = 4
const FRAMES_IN_FLIGHT_MAX = 8
const BATCH_MAX = 5
const FLOOD_MESSAGES = 40
const MS_A_DAY = 86_400_000

const SENDS = [
  'track',
  'identify',
  'alias',
  'alias of a device',
  'import',
  'late',
  'flood',
] as const
type Send = (typeof SENDS)[number]

interface Connection {
  readonly lane: number
  inFlight: number
  sent: number
}

const encoder = new TextEncoder()

/**
 * Shoppers on a few connections. Ids come from small pools, so that they meet often. Whatever is sent
 * is remembered in {@link messages}; time is counted in sends and answers.
 */
export class Shoppers {
  readonly messages: Message[] = []
  /** Sends and answers so far. */
  instant = 0
  private readonly world: World
  private readonly random: Random
  private readonly connections: Connection[]
  private readonly sendsAUser: number
  private sends = 0
  private aliasesInFlight: Message[] = []

  constructor(world: World) {
    this.world = world
    this.random = new Random(world.options.seed * 2)
    this.sendsAUser = this.random.pick(SENDS_A_USER)
    this.connections = Array.from({ length: CONNECTIONS }, (_, lane) => ({
      lane,
      inFlight: 0,
      sent: 0,
    }))
  }

  /** Frames that wait for an answer. */
  get inFlight(): number {
    return this.connections.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  /** What is known to be lost with its connection: a process ended. */
  disconnected(): void {
    for (const connection of this.connections) connection.inFlight = 0
    for (const message of this.messages) message.inFlight = 0
    this.aliasesInFlight = []
  }

  /** Sends one body of a kind; returns how many messages, 0 when nobody may send. */
  send(kind: Send): number {
    const connection = this.freeConnection()
    if (connection === null) return 0
    this.sends++
    const count = kind === 'flood' ? FLOOD_MESSAGES : 1 + this.random.below(BATCH_MAX)
    const flooded = kind === 'flood' ? this.anId() : null
    const batch: Message[] = []
    for (let i = 0; i < count; i++) {
      // A body of logins holds events as well.
      const own = i === 0 || kind === 'import' || kind === 'late' || this.random.chance(0.3)
      batch.push(this.make(own ? kind : 'track', connection, flooded))
    }
    this.post(connection, batch, kind === 'import' ? 'import' : 'batch')
    return count
  }

  /** Sends messages again that were not acknowledged. */
  retry(): number {
    return this.again('retry', (message) => !isAcknowledged(message))
  }

  /** Sends messages again that were acknowledged, old ones too, in another order. */
  repeat(): number {
    return this.again('repeat', (message) => isAcknowledged(message))
  }

  /** Sends again all that is not acknowledged; false when there is none. */
  retryAll(): boolean {
    const left = this.messages.filter(
      (m) => !isAcknowledged(m) && m.refused === null && m.inFlight === 0,
    )
    for (let i = 0; i < left.length; i += BATCH_MAX) {
      const connection = this.random.pick(this.connections)
      const part = left.slice(i, i + BATCH_MAX)
      for (const imported of [false, true]) {
        const batch = part.filter((message) => message.imported === imported)
        if (batch.length > 0) this.post(connection, batch, imported ? 'import' : 'batch')
      }
    }
    return left.length > 0
  }

  /** An id as a look-up names it. */
  anId(): string {
    return this.random.chance(0.5) ? `user:${this.aUser()}` : `anonymous:${this.aDevice()}`
  }

  private aUser(): string {
    return `u${Math.floor(this.sends / this.sendsAUser) + this.random.below(USERS)}`
  }

  private aDevice(): string {
    const oldest = Math.floor((this.sends * DEVICES_A_USER) / this.sendsAUser)
    return `a${oldest + this.random.below(DEVICES)}`
  }

  /** Puts a message together as it is given and sends it; for directed scenarios. */
  post(connection: { readonly lane: number }, batch: readonly Message[], route: IngestRoute): void {
    const { world } = this
    const { client, process } = world
    if (client === null) return
    const own = this.connections[connection.lane]
    own.inFlight++
    this.instant++
    for (const message of batch) {
      if (message.sentAt === Number.POSITIVE_INFINITY) message.sentAt = this.instant
      if (message.attempts > 0) message.clean = false
      if (message.inFlight > 0) world.coverage.reach('race retry while the original is in flight')
      message.attempts++
      message.inFlight++
      this.watchRaces(message)
    }
    const body = encoder.encode(`{"batch":[${batch.map(({ json }) => json).join(',')}]}`)
    const receivedAt = world.now()
    const request = { route, body, receivedAt, predict: [], userAgent: '', lane: connection.lane }
    world.scheduler.note(`send ${batch.map(({ id }) => id).join(' ')}`)
    client.ingest(request).then(
      (reply) => {
        if (world.process !== process || world.client === null) return
        own.inFlight--
        this.answered(batch, reply)
      },
      (error: unknown) => world.scheduler.fail(error),
    )
  }

  /** A new message; its place on the connection is the order of calls. */
  message(
    fields: Pick<Message, 'type' | 'user' | 'anonymous'> & {
      readonly previous?: string
      readonly previousIsDevice?: boolean
      readonly imported?: boolean
      readonly timestamp?: number
      readonly event?: string
      readonly plan?: string
      readonly connection?: number
    },
  ): Message {
    const { type, user, anonymous, previous = null, imported = false, connection = 0 } = fields
    const id = `m${this.messages.length}`
    const number = this.connections[connection].sent++
    const content = contentOf(this.random, type, fields)
    const json = JSON.stringify({
      type,
      messageId: id,
      userId: user ?? undefined,
      anonymousId: anonymous ?? undefined,
      previousId: previous ?? undefined,
      timestamp:
        fields.timestamp === undefined ? undefined : new Date(fields.timestamp).toISOString(),
      ...content,
    })
    const message: Message = {
      id,
      type,
      user,
      anonymous,
      previous,
      previousIsDevice: fields.previousIsDevice ?? false,
      json,
      imported,
      connection,
      number,
      sentAt: Number.POSITIVE_INFINITY,
      acknowledgedAt: Number.POSITIVE_INFINITY,
      attempts: 0,
      inFlight: 0,
      refused: null,
      clean: true,
    }
    this.messages.push(message)
    return message
  }

  private make(kind: Send, { lane }: Connection, flooded: string | null): Message {
    const { random } = this
    const user = this.aUser()
    const device = this.aDevice()
    const connection = lane
    this.world.coverage.reach(`operation ${kind}` satisfies `operation ${Operation}`)
    if (kind === 'identify') {
      return this.message({ type: 'identify', user, anonymous: device, connection })
    }
    if (kind === 'alias') {
      const previous = random.chance(0.03) ? user : this.aUser()
      return this.message({ type: 'alias', user, anonymous: null, previous, connection })
    }
    if (kind === 'alias of a device') {
      const previousIsDevice = true
      return this.message({
        type: 'alias',
        user,
        anonymous: null,
        previous: device,
        previousIsDevice,
        connection,
      })
    }
    const byUser = flooded === null ? random.chance(0.4) : flooded.startsWith('user:')
    const id = flooded === null ? (byUser ? user : device) : flooded.slice(flooded.indexOf(':') + 1)
    const who = byUser ? { user: id, anonymous: null } : { user: null, anonymous: id }
    if (kind === 'import') {
      const timestamp =
        this.world.now() - MS_A_DAY - random.below(300) * MS_A_DAY - random.below(MS_A_DAY)
      return this.message({ type: 'track', ...who, imported: true, timestamp, connection })
    }
    if (kind === 'late') {
      const timestamp = this.world.now() - random.below(3 * 3_600_000)
      return this.message({ type: 'track', ...who, timestamp, connection })
    }
    return this.message({ type: 'track', ...who, connection })
  }

  private again(name: 'retry' | 'repeat', may: (message: Message) => boolean): number {
    const connection = this.freeConnection()
    if (connection === null || this.messages.length === 0) return 0
    const batch: Message[] = []
    const wanted = 1 + this.random.below(BATCH_MAX)
    const recent = this.random.chance(0.6) ? 60 : this.messages.length
    for (let i = 0; i < wanted * 4 && batch.length < wanted; i++) {
      const message =
        this.messages[Math.max(0, this.messages.length - 1 - this.random.below(recent))]
      if (message.imported || message.refused !== null || batch.includes(message)) continue
      if (message.sentAt < Number.POSITIVE_INFINITY && may(message)) batch.push(message)
    }
    if (batch.length === 0) return 0
    this.world.coverage.reach(`operation ${name}`, batch.length)
    this.post(connection, batch, 'batch')
    return batch.length
  }

  private freeConnection(): Connection | null {
    const connection = this.random.pick(this.connections)
    return connection.inFlight < FRAMES_IN_FLIGHT_MAX && this.world.ready ? connection : null
  }

  private answered(batch: readonly Message[], reply: IngestReply): void {
    this.instant++
    const { error, rejected } = reply
    this.world.scheduler.note(`answer ${batch[0].id} ${error?.code ?? reply.position}`)
    this.aliasesInFlight = this.aliasesInFlight.filter((message) => !batch.includes(message))
    batch.forEach((message, index) => {
      message.inFlight--
      if (error !== null) {
        message.clean = false
        if (error.retryable !== true) message.refused ??= error.code
        return
      }
      const refusal = rejected.find((item) => item.index === index)
      if (refusal !== undefined) message.refused ??= refusal.code
      else if (!isAcknowledged(message)) message.acknowledgedAt = this.instant
    })
  }

  private watchRaces(message: Message): void {
    const { coverage, joins } = this.world
    if (message.type === 'identify' && joins.isJoining(`anonymous:${message.anonymous ?? ''}`)) {
      coverage.reach('race identify while a join of its id is in flight')
    }
    if (message.type !== 'alias' || message.previousIsDevice) return
    const opposite = this.aliasesInFlight.some(
      ({ user, previous }) => user === message.previous && previous === message.user,
    )
    if (opposite) coverage.reach('race opposite aliases in flight')
    this.aliasesInFlight.push(message)
  }
}

function contentOf(
  random: Random,
  type: Message['type'],
  { event, plan }: { readonly event?: string; readonly plan?: string },
): Record<string, unknown> {
  if (type === 'alias') return {}
  if (type === 'identify') {
    return {
      traits: { plan: plan ?? random.pick(['free', 'paid', 'none']), age: random.below(90) },
    }
  }
  const name = event ?? random.pick(['Product Viewed', 'Product Viewed', 'Order Completed'])
  const properties =
    name === 'Order Completed'
      ? { revenue: random.below(500) / 4 }
      : { price: random.below(400) / 4, product_id: `p${random.below(30)}` }
  return { event: name, properties }
}
