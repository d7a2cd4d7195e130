import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const LIMN = fileURLToPath(new URL('../../src/cli/limn.js', import.meta.url))
const START_MS_MAX = 60_000
const STOP_MS_MAX = 30_000
const OUTPUT_CHARACTERS_MAX = 4000
/** Ticks of /proc/<pid>/stat. */
const TICK_MS = 10

export const KEYS = {
  write: 'write-key-of-the-campaign',
  read: 'read-token-of-the-campaign',
  admin: 'admin-token-of-the-campaign',
}

export interface Connection {
  readonly address: string
  /** Counts the starts; what was begun in an earlier one has lost its server. */
  readonly start: number
}

interface Waiter {
  readonly up: (connection: Connection) => void
  readonly gone: (error: Error) => void
}

/** Nothing will be served any more: whoever waits for the server gives up. */
export class ServerGone extends Error {}

export interface CommandEnd {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command of the built command line to its end. */
export async function runLimn(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<CommandEnd> {
  const options = { env: { ...process.env, ...env }, maxBuffer: 1 << 26 }
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [LIMN, ...words],
      options,
    )
    return { code: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string }
    return {
      code: typeof code === 'number' ? code : -1,
      stdout: stdout ?? '',
      stderr: stderr ?? '',
    }
  }
}

/**
 * `limn serve` on one data directory, started again and again. Owns the process; at most one lives.
 * `onLoss` hears of an end that nobody asked for.
 */
export class ServerProcess {
  readonly dataDir: string
  starts = 0
  readonly #env: NodeJS.ProcessEnv
  readonly #onLoss: (output: string) => void
  #child: ChildProcess | null = null
  #exited: Promise<number | null> = Promise.resolve(null)
  #ending = false
  #connection: Connection | null = null
  #waiters: Waiter[] = []
  #gone = false

  constructor(dataDir: string, env: NodeJS.ProcessEnv, onLoss: (output: string) => void) {
    this.dataDir = dataDir
    this.#env = env
    this.#onLoss = onLoss
  }

  /** The server that serves now, or as soon as one does; throws {@link ServerGone}. */
  up(): Promise<Connection> {
    if (this.#gone) return Promise.reject(new ServerGone('the campaign is over'))
    if (this.#connection !== null) return Promise.resolve(this.#connection)
    return new Promise((up, gone) => this.#waiters.push({ up, gone }))
  }

  isUp(connection: Connection): boolean {
    return this.#connection?.start === connection.start
  }

  /** Begins a start and does not wait for it. */
  spawn(): Promise<Connection> {
    const words = [LIMN, 'serve', '--data', this.dataDir, '--port', '0']
    const child = spawn(process.execPath, words, {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#ending = false
    const killWithCampaign = (): boolean => child.kill('SIGKILL')
    process.once('exit', killWithCampaign)
    const start = ++this.starts
    let output = ''
    this.#exited = new Promise((ended) => {
      child.once('exit', (code) => {
        process.removeListener('exit', killWithCampaign)
        this.#connection = null
        if (!this.#ending) this.#onLoss(`exit ${code}: ${output.slice(-OUTPUT_CHARACTERS_MAX)}`)
        ended(code)
      })
    })
    return new Promise((found, failed) => {
      const late = setTimeout(() => {
        failed(new Error(`not serving after ${START_MS_MAX} ms: ${output}`))
      }, START_MS_MAX)
      const onData = (chunk: Buffer): void => {
        output = (output + chunk.toString()).slice(-2 * OUTPUT_CHARACTERS_MAX)
        const match = /Limn serves at (http:\/\/\S+)/.exec(output)
        if (match === null || this.#connection !== null || this.#child !== child) return
        clearTimeout(late)
        this.#connect({ address: match[1], start })
        found({ address: match[1], start })
      }
      child.stdout?.on('data', onData)
      child.stderr?.on('data', onData)
      void this.#exited.then((code) => {
        clearTimeout(late)
        failed(new Error(`ended with ${code} before it served: ${output}`))
      })
    })
  }

  async kill(): Promise<void> {
    this.#end('SIGKILL')
    await this.#exited
  }

  /** SIGTERM; the exit code and how long it took. One that does not end is killed: code null. */
  async stop(): Promise<{ code: number | null; milliseconds: number }> {
    const began = performance.now()
    this.#end('SIGTERM')
    const late = setTimeout(() => this.#end('SIGKILL'), STOP_MS_MAX)
    const code = await this.#exited
    clearTimeout(late)
    return { code, milliseconds: performance.now() - began }
  }

  /** Part of one processor that the process took in the next `ms`. */
  async busy(ms: number): Promise<number> {
    const before = this.#ticks()
    await new Promise((resolve) => setTimeout(resolve, ms))
    return ((this.#ticks() - before) * TICK_MS) / ms
  }

  /** Releases all who wait for a server. */
  abandon(): void {
    this.#gone = true
    for (const { gone } of this.#waiters.splice(0)) gone(new ServerGone('the campaign is over'))
  }

  #end(signal: NodeJS.Signals): void {
    this.#ending = true
    this.#connection = null
    this.#child?.kill(signal)
  }

  #connect(connection: Connection): void {
    this.#connection = connection
    for (const { up } of this.#waiters.splice(0)) up(connection)
  }

  #ticks(): number {
    const stat = readFileSync(`/proc/${this.#child?.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  }
}
