/** What a team would write to keep profiles of a shop's visitors in Redis, one hash each. */
import type { RedisClient } from './redis-server.ts'

export interface ShopEvent {
  readonly userId: string
  readonly messageId: string
  readonly event: string
  readonly timestamp: string
  readonly properties: {
    readonly product_id: string
    readonly category: string
    readonly brand: string
    readonly revenue: number
  }
}

/** Applies a batch; resolves when Redis has answered for all of it. */
export type EventWriter = (client: RedisClient, events: readonly ShopEvent[]) => Promise<void>

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const DEDUPE_SECONDS = 86_400
const ORDER = 'Order Completed'

/** One pipeline of plain commands: five an event, two more for interests, two for an order. */
export const writeWithCommands: EventWriter = async (client, events) => {
  const pipeline = client.multi()
  const add = (...words: string[]): void => void pipeline.addCommand(words)
  for (const { userId, event, timestamp, properties } of events) {
    const time = Date.parse(timestamp)
    const profile = `p:${userId}`
    add('HINCRBY', profile, 'events', '1')
    add('HINCRBY', profile, `${event}:h${Math.floor(time / HOUR_MS)}`, '1')
    add('HINCRBY', profile, `${event}:d${Math.floor(time / DAY_MS)}`, '1')
    add('HSET', profile, 'seen', `${time}`, 'event', event, 'product', properties.product_id)
    add('ZADD', 'seen', `${time}`, userId)
    if (event === ORDER) {
      add('HINCRBY', profile, 'orders', '1')
      add('HINCRBYFLOAT', profile, 'spend', `${properties.revenue}`)
    } else {
      add('ZINCRBY', `c:${userId}`, '1', properties.category)
      add('ZINCRBY', `b:${userId}`, '1', properties.brand)
    }
  }
  await pipeline.execAsPipeline()
}

/** The same for one event, atomically and once: KEYS hash, categories, brands, message id. */
const SCRIPT = `
if not redis.call('SET', KEYS[4], '', 'NX', 'EX', ${DEDUPE_SECONDS}) then return 0 end
local event, time = ARGV[1], ARGV[2]
redis.call('HINCRBY', KEYS[1], 'events', 1)
redis.call('HINCRBY', KEYS[1], event .. ':h' .. ARGV[3], 1)
redis.call('HINCRBY', KEYS[1], event .. ':d' .. ARGV[4], 1)
redis.call('HSET', KEYS[1], 'seen', time, 'event', event, 'product', ARGV[5])
redis.call('ZADD', 'seen', time, ARGV[9])
if event == '${ORDER}' then
  redis.call('HINCRBY', KEYS[1], 'orders', 1)
  redis.call('HINCRBYFLOAT', KEYS[1], 'spend', ARGV[8])
else
  redis.call('ZINCRBY', KEYS[2], 1, ARGV[6])
  redis.call('ZINCRBY', KEYS[3], 1, ARGV[7])
end
return 1`

const digests = new WeakMap<RedisClient, Promise<string>>()

export const writeWithScript: EventWriter = async (client, events) => {
  const digest = await scriptOf(client)
  const pipeline = client.multi()
  for (const { userId, messageId, event, timestamp, properties } of events) {
    const time = Date.parse(timestamp)
    const keys = [`p:${userId}`, `c:${userId}`, `b:${userId}`, `m:${messageId}`]
    const values = [
      event,
      `${time}`,
      `${Math.floor(time / HOUR_MS)}`,
      `${Math.floor(time / DAY_MS)}`,
    ]
    const { product_id: product, category, brand, revenue } = properties
    values.push(product, category, brand, `${revenue}`, userId)
    pipeline.addCommand(['EVALSHA', digest, `${keys.length}`, ...keys, ...values])
  }
  await pipeline.execAsPipeline()
}

function scriptOf(client: RedisClient): Promise<string> {
  const known = digests.get(client) ?? client.scriptLoad(SCRIPT)
  digests.set(client, known)
  return known
}
