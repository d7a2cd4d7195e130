/** Clients that send half of a body and wait, against a real server: what it holds, whom it serves. */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { loadUws } from '../../src/gateway/uws-binding.ts'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

const CONNECTIONS = 2_000
const BODY_BYTES = 500_000
const MIB = 1_048_576
/**
 * What the server may grow by: the budget of bodies without a key, and what sockets, the parser and a
 * collector that has not run yet cost. Held whole the halves are 477 MiB.
 */
const GROWTH_MAX = 128 * MIB

const half = Buffer.alloc(BODY_BYTES / 2, 'x')
const chunk = Buffer.concat([Buffer.from(`${half.byteLength.toString(16)}\r\n`), half])

const hasUws = await loadUws().then(
  () => true,
  () => false,
)

/** Resident bytes of a process, or null where the system does not tell. */
function residentBytes(pid: number): number | null {
  if (process.platform !== 'linux') return null
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

describe.skipIf(process.platform !== 'linux').each(['node', 'uws'] as const)('over %s', (kind) => {
  const directory = temporaryDirectory()
  const sockets: Socket[] = []
  let limn: RunningLimn | null = null
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await limn?.kill()
    directory.remove()
  })

  /** Connects, sends and resolves when the bytes were taken, or refused. */
  function hold(port: number, head: string, body: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', () => resolve())
      socket.on('close', () => resolve())
      socket.on('data', () => resolve())
      socket.write(`POST /v1/batch HTTP/1.1\r\nhost: x\r\n${head}\r\n`)
      socket.write(body, () => resolve())
    })
  }

  it.skipIf(kind === 'uws' && !hasUws)(
    'holds little for clients without a key, and serves those with one',
    async () => {
      limn = await startLimn(directory.path, { LIMN_SERVER_TRANSPORT: kind })
      const server = limn
      const port = Number(new URL(server.address).port)
      const pid = server.child.pid ?? 0
      const good = async (messageId: string): Promise<number> => {
        const event = { userId: 'u1', event: 'Product Viewed', messageId }
        return (await server.post('/v1/track', event)).status
      }
      for (let i = 0; i < 50; i += 1) expect(await good(`warm${i}`)).toBe(200)
      const before = residentBytes(pid) ?? 0

      let most = 0
      const floods = [
        [`content-length: ${BODY_BYTES}\r\n`, half],
        ['transfer-encoding: chunked\r\n', chunk],
        ['content-length: 65536\r\n', half.subarray(0, 60_000)],
        [`authorization: Bearer no-such-key\r\ncontent-length: ${BODY_BYTES}\r\n`, half],
      ] as const
      for (let i = 0; i < CONNECTIONS; i += 100) {
        const batch = Array.from({ length: 100 }, (_, k) => {
          const [head, body] = floods[k % floods.length] ?? floods[0]
          return hold(port, head, body)
        })
        await Promise.all(batch)
        expect(await good(`during${i}`)).toBe(200)
        most = Math.max(most, residentBytes(pid) ?? 0)
      }
      expect(most - before).toBeLessThan(GROWTH_MAX)

      // Those whose key is in the body have room again when the others are gone.
      for (const socket of sockets.splice(0)) socket.destroy()
      const event = { userId: 'u1', event: 'Product Viewed', messageId: 'b', writeKey: KEYS.write }
      const statusWithKeyInBody = async (): Promise<number> =>
        (await fetch(`${server.address}/v1/track`, { method: 'POST', body: JSON.stringify(event) }))
          .status
      let status = 0
      for (let i = 0; i < 500 && status !== 200; i += 1) {
        status = await statusWithKeyInBody()
        if (status !== 200) await new Promise((resolve) => setTimeout(resolve, 10))
      }
      expect(status).toBe(200)
      const { body } = await server.get('/v1/profiles/u1/traits')
      expect(body.traits).toMatchObject({ events: 50 + CONNECTIONS / 100 + 1 })
    },
    120_000,
  )
})
