import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ADMIN_TOKEN,
  Listener,
  READ_TOKEN,
  WRITE_KEY,
  startGateway,
  until,
  type GatewayFixture,
} from './gateway-fixture.ts'

const TRACK = { type: 'track', userId: 'u1', event: 'Product Viewed' }
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

describe.each(['node', 'uws'] as const)('the clock over %s', (transport) => {
  let fixture: GatewayFixture
  beforeAll(async () => {
    fixture = await startGateway({ transport })
  })
  afterAll(() => fixture.gateway.close())

  it("says when something arrived, which the machine's does not", async () => {
    const { requests } = fixture.shards
    requests.length = 0
    await fixture.post('/v1/track', TRACK)
    await fixture.get(`/pixel/v1/track?writeKey=${WRITE_KEY}&userId=u1&event=Seen`, {})
    const socket = await Listener.open(`${fixture.wsUrl}/v1/stream?writeKey=${WRITE_KEY}`)
    socket.send({ batch: [TRACK] })
    await until(() => requests.length === 3)
    socket.socket.close()
    const { arrivalMs } = fixture.clock
    expect(requests.map(({ receivedAt }) => receivedAt)).toEqual([arrivalMs, arrivalMs, arrivalMs])
  })

  it('is shown to readers, and accepted by administrators alone', async () => {
    fixture.clock.accepted = 0
    expect(await (await fixture.get('/v1/clock')).json()).toMatchObject({ state: 'drifted' })
    const accept = (headers: Record<string, string>): Promise<Response> =>
      fixture.post('/v1/clock/accept', '', headers)
    expect((await accept({})).status).toBe(401)
    expect((await accept(bearer(READ_TOKEN))).status).toBe(403)
    expect((await accept(bearer(WRITE_KEY))).status).toBe(403)
    expect(fixture.clock.accepted).toBe(0)
    const accepted = await accept(bearer(ADMIN_TOKEN))
    expect([accepted.status, await accepted.json()]).toMatchObject([200, { state: 'steady' }])
    expect(fixture.clock.accepted).toBe(1)
  })

  it('has a metric, and a server that has drifted is ready', async () => {
    const text = await (await fixture.get('/metrics')).text()
    const drift = /^limn_clock_drift_seconds (\S+)$/m.exec(text)?.[1]
    expect(Number(drift)).toBeGreaterThan(2 * 86_400)
    expect((await fixture.get('/readyz')).status).toBe(200)
  })

  it('is in the OpenAPI document', async () => {
    const { paths } = (await (await fixture.get('/openapi.json')).json()) as {
      paths: Record<string, Record<string, unknown>>
    }
    expect(paths['/v1/clock']).toHaveProperty('get')
    expect(paths['/v1/clock/accept']).toHaveProperty('post')
  })
})
