import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const LIMN = fileURLToPath(new URL('../src/cli/limn.js', import.meta.url))
const CLOCK_TICK_NS = 1e7
/** The server looks for a new live version every second. */
const MODEL_SECONDS_MAX = 30

export const WRITE_KEY = 'benchmark-write-key'
export const READ_TOKEN = 'benchmark-read-token'
export const ADMIN_TOKEN = 'benchmark-admin-token'

/** A server in its own process, so that its CPU time can be told from the generator's. */
export interface BenchServer {
  readonly address: string
  readonly pid: number
  readonly startSeconds: number
  readonly dataDir: string
  cpuNanoseconds(): number
  residentBytes(): number
  /** The values of a metric by its labels, such as one for each shard. */
  metric(name: string): Promise<number[]>
  /** Resolves when the model answers. */
  modelServes(model: string): Promise<void>
  /** SIGTERM: drains and checkpoints. Throws when the exit code is not 0. */
  stop(): Promise<void>
  kill(): Promise<void>
}

export function benchDirectory(): { path: string; remove(): void } {
  const path = mkdtempSync(join(process.env.LIMN_BENCH_DIR ?? tmpdir(), 'limn-bench-'))
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  process.once('exit', remove)
  return { path, remove }
}

export async function startServer(
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  const started = performance.now()
  const child = spawn(process.execPath, [LIMN, 'serve', '--data', dataDir, '--port', '0'], {
    env: {
      ...process.env,
      LIMN_LOG_LEVEL: 'warn',
      LIMN_BOOTSTRAP_WRITE_KEY: WRITE_KEY,
      LIMN_BOOTSTRAP_READ_TOKEN: READ_TOKEN,
      LIMN_BOOTSTRAP_ADMIN_TOKEN: ADMIN_TOKEN,
      ...env,
    },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const address = await addressOf(child)
  const pid = child.pid ?? 0
  return {
    address,
    pid,
    dataDir,
    startSeconds: (performance.now() - started) / 1000,
    cpuNanoseconds: () => cpuOf(pid),
    residentBytes: () => residentOf(pid),
    metric: (name) => metricOf(address, name),
    modelServes: (model) => modelServes(address, model),
    stop: async () => {
      const code = await ended(child, 'SIGTERM')
      if (code !== 0) throw new Error(`the server ended with ${code}`)
    },
    kill: async () => void (await ended(child, 'SIGKILL')),
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output: string | null = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      // Once it serves, what it says is a warning or worse, and for a person to see.
      if (output === null) return process.stderr.write(chunk)
      output += chunk.toString()
      const match = /Limn serves at (http:\/\/\S+)/.exec(output)
      if (match === null) return
      output = null
      resolve(match[1])
    })
    child.once('exit', (code, signal) => {
      const how = `the server ended with ${signal ?? code}`
      reject(new Error(`${how}:\n${output}`))
      if (code !== 0 && signal !== 'SIGKILL') process.stderr.write(`${how}\n`)
    })
    process.prependOnceListener('exit', () => child.kill('SIGKILL'))
  })
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => {
    child.once('exit', resolve)
    child.kill(signal)
  })
}

/** User and system time of a process so far (Linux), in ns. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_NS
}

function residentOf(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return match === null ? 0 : Number(match[1]) * 1024
}

async function metricOf(address: string, name: string): Promise<number[]> {
  const text = await (await fetch(`${address}/metrics`)).text()
  const lines = text.split('\n').filter((line) => /[ {]/.exec(line)?.index === name.length)
  return lines.filter((line) => line.startsWith(name)).map((line) => Number(line.split(' ').pop()))
}

async function modelServes(address: string, model: string): Promise<void> {
  const headers = { authorization: `Bearer ${READ_TOKEN}` }
  const deadline = performance.now() + MODEL_SECONDS_MAX * 1000
  while (performance.now() < deadline) {
    const text = await (await fetch(`${address}/v1/models`, { headers })).text()
    if (text.includes(`"${model}"`)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`no model "${model}" serves after ${MODEL_SECONDS_MAX} s`)
}
