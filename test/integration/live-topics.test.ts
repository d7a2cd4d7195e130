/** One shopper under two spellings, over a real server. */
import { afterEach, expect, it } from 'vitest'
import { Listener } from '../gateway/gateway-fixture.ts'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

const directory = temporaryDirectory()
let limn: RunningLimn | null = null
afterEach(async () => {
  await limn?.kill()
  directory.remove()
})

it('profile:u1 and profile:user:u1 both hear, and one goes on when the other leaves', async () => {
  limn = await startLimn(directory.path)
  const server = limn
  const url = `${server.address.replace('http', 'ws')}/v1/live?token=${KEYS.read}&topics=`
  const track = async (messageId: string): Promise<void> => {
    const event = { userId: 'u1', event: 'Product Viewed', messageId }
    expect((await server.post('/v1/track', event)).status).toBe(200)
  }
  const ids = (listener: Listener): unknown[] =>
    listener.messages.slice(1).map(({ topic, data }) => {
      return [topic, (data as { event: { messageId: string } }).event.messageId]
    })
  const short = await Listener.open(`${url}profile:u1`)
  const long = await Listener.open(`${url}profile:user:u1`)
  const both = await Listener.open(`${url}profile:u1,profile:user:u1`)
  for (const listener of [short, long, both]) await listener.heard(1)
  await track('one')
  await short.heard(2)
  await long.heard(2)
  await both.heard(3)
  both.send({ unsubscribe: ['profile:user:u1'] })
  await both.heard(4)
  long.socket.terminate()
  await long.closing()
  await track('two')
  await short.heard(3)
  await both.heard(5)
  expect(ids(short)).toEqual([
    ['profile:u1', 'one'],
    ['profile:u1', 'two'],
  ])
  expect(ids(long)).toEqual([['profile:user:u1', 'one']])
  both.messages.splice(3, 1)
  expect(ids(both)).toEqual([
    ['profile:u1', 'one'],
    ['profile:user:u1', 'one'],
    ['profile:u1', 'two'],
  ])
  for (const { socket } of [short, both]) socket.terminate()
}, 30_000)
