/** `limn keys revoke` beside a running server: what the key opened ends, requests are refused. */
import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { KeyRing } from '../../src/gateway/keys.ts'
import { loadUws } from '../../src/gateway/uws-binding.ts'
import { Listener, until } from '../gateway/gateway-fixture.ts'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

const LIMN = resolve(import.meta.dirname, '../../dist/src/cli/limn.js')
const run = promisify(execFile)

const hasUws = await loadUws().then(
  () => true,
  () => false,
)

describe.each(['node', 'uws'] as const)('over %s', (kind) => {
  const directory = temporaryDirectory()
  let limn: RunningLimn | null = null
  afterEach(async () => {
    await limn?.kill()
    directory.remove()
  })

  it.skipIf(kind === 'uws' && !hasUws)(
    'closes the sockets of a revoked key, and only these, and refuses its requests',
    async () => {
      limn = await startLimn(directory.path, { LIMN_SERVER_TRANSPORT: kind })
      const { address } = limn
      const ws = address.replace('http', 'ws')
      const ring = new KeyRing(join(directory.path, 'keys.json'))
      const write = ring.create({ name: 'of the test', scope: 'write' })
      const read = ring.create({ name: 'of the test', scope: 'read' })
      const sockets = async (writeKey: string, token: string): Promise<Listener[]> => [
        await Listener.open(`${ws}/v1/stream?writeKey=${writeKey}`),
        await Listener.open(`${ws}/v1/live?token=${token}&topics=profile:u1`),
      ]
      // The server reads the file again a moment after it has changed.
      const authorization = `Bearer ${read.text}`
      const status = async (): Promise<number> =>
        (await fetch(`${address}/v1/models`, { headers: { authorization } })).status
      for (let i = 0; i < 200 && (await status()) !== 200; i += 1)
        await new Promise((wait) => setTimeout(wait, 10))

      const revoked = await sockets(write.text, read.text)
      const kept = await sockets(KEYS.write, KEYS.read)
      const track = { type: 'track', userId: 'u1', event: 'Product Viewed' }
      revoked[0]?.send({ ...track, messageId: 'before' })
      await revoked[0]?.heard(1)
      await kept[1]?.heard(2)

      await run(process.execPath, [
        LIMN,
        'keys',
        'revoke',
        write.entry.id,
        '--data',
        directory.path,
      ])
      const closed = { code: 4401, reason: 'the key was revoked' }
      expect(await revoked[0]?.closing()).toEqual(closed)
      const refused = await fetch(`${address}/v1/track?writeKey=${write.text}`, {
        method: 'POST',
        body: JSON.stringify(track),
      })
      expect(refused.status).toBe(401)
      expect(revoked[1]?.closed).toBeNull()

      ring.revoke(read.entry.id)
      expect(await revoked[1]?.closing()).toEqual(closed)
      expect(await status()).toBe(401)

      kept[0]?.send({ ...track, messageId: 'after' })
      expect(await kept[0]?.heard(1)).toMatchObject([{ accepted: 1 }])
      await kept[1]?.heard(3)
      expect(kept.map((socket) => socket.closed)).toEqual([null, null])
      const open = async (): Promise<string> => await (await fetch(`${address}/metrics`)).text()
      expect(await open()).toContain('limn_websocket_connections{route="/v1/stream"} 1')
      for (const { socket } of kept) socket.terminate()
      await until(() => kept.every((socket) => socket.closed !== null))
    },
    60_000,
  )
})
