import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { benchDirectory, cpuOf } from '../server.ts'

const START_ATTEMPTS_MAX = 100
const POLL_MS = 50

export type RedisClient = Awaited<ReturnType<typeof connectTo>>

/** A Redis of our own on a Unix socket in a temporary directory, with persistence off. */
export interface RedisServer {
  readonly client: RedisClient
  cpuNanoseconds(): number
  usedBytes(): Promise<number>
  /** Turns the append-only file on, synced every second. */
  persist(): Promise<void>
  stop(): Promise<void>
}

/** The version of the installed `redis-server`, or null. */
export function findRedis(): string | null {
  const { status, stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  return status === 0 ? (/v=(\S+)/.exec(stdout)?.[1] ?? 'of unknown version') : null
}

export async function startRedis(): Promise<RedisServer> {
  const directory = benchDirectory()
  const path = join(directory.path, 'redis.sock')
  const options = { port: '0', unixsocket: path, dir: directory.path, save: '', appendonly: 'no' }
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const child = spawn('redis-server', words, { stdio: 'ignore' })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const client = await connectTo(path)
  return {
    client,
    cpuNanoseconds: () => cpuOf(child.pid ?? 0),
    usedBytes: async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]),
    persist: () => persist(client),
    stop: async () => {
      client.destroy()
      child.kill('SIGKILL')
      await exited
      directory.remove()
    },
  }
}

async function connectTo(path: string) {
  const client = createClient({
    socket: {
      path,
      tls: false,
      reconnectStrategy: (attempts) => (attempts < START_ATTEMPTS_MAX ? POLL_MS : false),
    },
  })
  client.on('error', ignoreWhileStarting)
  await client.connect()
  client.off('error', ignoreWhileStarting)
  return client
}

/** Until Redis listens, each attempt to connect is an event; the last one rejects `connect`. */
function ignoreWhileStarting(): void {
  return undefined
}

async function persist(client: RedisClient): Promise<void> {
  await client.configSet({ appendfsync: 'everysec', appendonly: 'yes' })
  for (;;) {
    const info = await client.info('persistence')
    if (info.includes('aof_rewrite_in_progress:0') && info.includes('aof_rewrite_scheduled:0'))
      return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
