import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'

/** The answers on `/v1/live`, as many as asked for. */
async function hear(address: string, topics: string, count: number): Promise<{ time?: number }[]> {
  const url = `${address.replace('http', 'ws')}/v1/live?token=${KEYS.read}&topics=${topics}`
  const socket = new WebSocket(url)
  const heard: { time?: number }[] = []
  await new Promise<void>((resolve, reject) => {
    socket.on('message', (data) => {
      heard.push(JSON.parse(String(data)) as { time?: number })
      if (heard.length === count) resolve()
    })
    socket.on('error', reject)
  })
  socket.terminate()
  return heard
}

test('live.topicsMax and live.overviewIntervalMs are obeyed', async () => {
  const directory = temporaryDirectory()
  const limn = await startLimn(directory.path, {
    LIMN_LIVE_TOPICS_MAX: '1',
    LIMN_LIVE_OVERVIEW_INTERVAL_MS: '2000',
  })
  try {
    await expect(hear(limn.address, 'overview,profile:u1', 1)).rejects.toThrow('400')
    const [, first, second, third] = await hear(limn.address, 'overview', 4)
    const span = (third?.time ?? 0) - (first?.time ?? 0)
    expect(second).toMatchObject({ topic: 'overview' })
    // Two intervals, less what a late first message takes from them; by default they were 2 s.
    expect(span).toBeGreaterThan(3000)
  } finally {
    await limn.kill()
    directory.remove()
  }
})
