import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const LIMN = resolve(import.meta.dirname, '../../dist/src/cli/limn.js')

export const KEYS = {
  write: 'write-key-of-the-test',
  read: 'read-token-of-the-test',
  admin: 'admin-token-of-the-test',
}

export interface RunningLimn {
  readonly address: string
  readonly dataDir: string
  readonly child: ChildProcess
  readonly output: () => string
  get(path: string): Promise<{ status: number; body: Record<string, unknown> }>
  post(
    path: string,
    body: unknown,
  ): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
  kill(): Promise<void>
}

export function temporaryDirectory(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'limn-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Starts `limn serve` as a child process on a free port and waits until it is ready. */
export async function startLimn(
  dataDir: string,
  env: Record<string, string> = {},
): Promise<RunningLimn> {
  const child = spawn(process.execPath, [LIMN, 'serve', '--data', dataDir, '--port', '0'], {
    env: {
      ...process.env,
      LIMN_LOG_LEVEL: 'warn',
      LIMN_BOOTSTRAP_WRITE_KEY: KEYS.write,
      LIMN_BOOTSTRAP_READ_TOKEN: KEYS.read,
      LIMN_BOOTSTRAP_ADMIN_TOKEN: KEYS.admin,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const exited = new Promise<number | null>((resolveExit) => child.once('exit', resolveExit))
  const address = await new Promise<string>((found, failed) => {
    const onData = (chunk: Buffer): void => {
      output += chunk.toString()
      const match = /Limn serves at (http:\/\/\S+)/.exec(output)
      if (match !== null) found(match[1])
    }
    child.stdout.on('data', onData)
    child.stderr.on('data', onData)
    exited.then((code) => failed(new Error(`limn serve ended with ${code}:\n${output}`)), failed)
  })
  const request = async (path: string, init: RequestInit) => {
    const response = await fetch(address + path, init)
    const text = await response.text()
    const body = JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>
    return { status: response.status, body, headers: response.headers }
  }
  return {
    address,
    dataDir,
    child,
    output: () => output,
    get: (path) => request(path, { headers: { authorization: `Bearer ${KEYS.read}` } }),
    post: (path, body) =>
      request(path, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${KEYS.write}:`).toString('base64')}`,
          'content-type': 'application/json',
        },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    stop: () => {
      child.kill('SIGTERM')
      return exited
    },
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
