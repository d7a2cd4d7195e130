import { join } from 'node:path'
import type { Logger } from 'pino'
import { packageRoot } from './config/server-config.ts'
import type { ServerConfig } from './config/server-config.ts'
import type { ProfileConfig } from './config/profile-config.ts'
import { startEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import { createGateway } from './gateway/gateway.ts'
import type { Gateway } from './gateway/gateway.ts'
import { KeyRing } from './gateway/keys.ts'
import type { CreatedKey } from './gateway/keys.ts'
import type { ErrorValue } from './protocol/shards.ts'

export interface Server {
  readonly engine: Engine
  readonly gateway: Gateway
  readonly keys: KeyRing
  /** Keys made at this start, whose texts are to be shown once. */
  readonly madeKeys: readonly CreatedKey[]
  /** `http://host:port` */
  readonly address: string
  /** Drains: no new events, what was accepted is durable and checkpointed, then everything closes. */
  stop(): Promise<void>
}

export interface ServerOptions {
  readonly config: ServerConfig
  readonly profile: ProfileConfig
  readonly log: Logger
  readonly onFatal: (error: ErrorValue) => void
}

/** The composition root of `serve`: configuration → shards → gateway; stops in reverse. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, profile, log } = options
  const engine = await startEngine({ ...options, timers: true })
  try {
    const keys = new KeyRing(join(config.storage.dir, 'keys.json'))
    const madeKeys = keys.bootstrap(bootstrapTexts(config))
    const gateway = await createGateway({
      shards: engine.shards,
      clock: engine.clock,
      keys,
      config: gatewayConfig(config),
      log,
      consoleDir: join(packageRoot(), 'dist', 'console'),
    })
    const { host, port } = await gateway.listen()
    const address = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    engine.lock.setAddress(address)
    if (config.models.serving) engine.models.start()
    log.info({ address, traits: Object.keys(profile.definition.traits).length }, 'serving')
    return {
      engine,
      gateway,
      keys,
      madeKeys,
      address,
      stop: async () => {
        await gateway.drain()
        await engine.stop()
        await gateway.close()
      },
    }
  } catch (error) {
    await engine.stop()
    throw error
  }
}

function bootstrapTexts(config: ServerConfig): { write?: string; read?: string; admin?: string } {
  const { writeKey, readToken, adminToken } = config.bootstrap
  return {
    ...(writeKey === '' ? {} : { write: writeKey }),
    ...(readToken === '' ? {} : { read: readToken }),
    ...(adminToken === '' ? {} : { admin: adminToken }),
  }
}

function gatewayConfig(config: ServerConfig): Parameters<typeof createGateway>[0]['config'] {
  return {
    host: config.server.host,
    port: config.server.port,
    transport: config.server.transport,
    corsOrigins: config.server.corsOrigins,
    bodyBytesMax: config.ingest.bodyBytesMax,
    bodyTimeoutMs: config.ingest.bodyTimeoutSeconds * 1000,
    keylessBodyBytesMax: config.ingest.keylessBodyBytesMax,
    keylessBytesMax: config.ingest.keylessBytesMax,
    keylessBodyTimeoutMs: config.ingest.keylessBodyTimeoutSeconds * 1000,
    socketsMax: config.server.socketsMax,
    frameBytesMax: config.ingest.frameBytesMax,
    creditsMax: config.ingest.creditFrames,
    inFlightBytesMax: config.ingest.inflightBytesMax,
    socketBufferBytesMax: config.live.bufferBytesMax,
    liveTopicsMax: config.live.topicsMax,
    idleTimeoutSeconds: config.server.idleTimeoutSeconds,
    drainTimeoutMs: config.server.drainSeconds * 1000,
  }
}
