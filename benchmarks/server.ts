import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const LIMN = fileURLToPath(new URL('../src/cli/limn.js', import.meta.url))
const CLOCK_TICK_NS = 1e7

export const WRITE_KEY = 'benchmark-write-key'
export const READ_TOKEN = 'benchmark-read-token'

/** A server in its own process, so that its CPU time can be told from the generator's. */
export interface BenchServer {
  readonly address: string
  readonly pid: number
  readonly startSeconds: number
  readonly dataDir: string
  cpuNanoseconds(): number
  residentBytes(): number
  metric(name: string): Promise<number>
  kill(): Promise<void>
}

export function benchDirectory(): { path: string; remove(): void } {
  const path = mkdtempSync(join(process.env.LIMN_BENCH_DIR ?? tmpdir(), 'limn-bench-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export async function startServer(dataDir: string): Promise<BenchServer> {
  const started = performance.now()
  const child = spawn(process.execPath, [LIMN, 'serve', '--data', dataDir, '--port', '0'], {
    env: {
      ...process.env,
      LIMN_LOG_LEVEL: 'warn',
      LIMN_BOOTSTRAP_WRITE_KEY: WRITE_KEY,
      LIMN_BOOTSTRAP_READ_TOKEN: READ_TOKEN,
      LIMN_BOOTSTRAP_ADMIN_TOKEN: 'benchmark-admin-token',
      LIMN_CHECKPOINT_INTERVAL_SECONDS: process.env.LIMN_CHECKPOINT_INTERVAL_SECONDS ?? '30',
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
    kill: () => {
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.kill('SIGKILL')
      return exited
    },
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const match = /Limn serves at (http:\/\/\S+)/.exec(output)
      if (match !== null) resolve(match[1])
    })
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${output}`)))
  })
}

/** User and system time of the process so far (Linux), in ns. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_NS
}

function residentOf(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return match === null ? 0 : Number(match[1]) * 1024
}

async function metricOf(address: string, name: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text()
  let sum = 0
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      sum += Number(line.split(' ').pop())
  }
  return sum
}
