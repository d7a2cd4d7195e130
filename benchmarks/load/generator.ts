import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { IngestOptions, IngestResult } from './ingest.ts'
import type { LookupOptions, LookupResult } from './lookups.ts'
import { generatorStart } from './priority.ts'

export type LoadJob =
  | { readonly ingest: IngestOptions; readonly lookups?: never }
  | { readonly ingest?: never; readonly lookups: LookupOptions }

export type LoadReply =
  | { readonly result: IngestResult | LookupResult; readonly cpuNanoseconds: number }
  | { readonly error: string }

/** What the generator itself took of the cores that it shares with the server. */
export interface GeneratorCost {
  readonly generatorCpuNanoseconds: number
}

const LOAD_PROCESS = fileURLToPath(new URL('./process.js', import.meta.url))

/** Sends events from a process of its own. */
export function sendEvents(options: IngestOptions): Promise<IngestResult & GeneratorCost> {
  return runJob<IngestResult>({ ingest: options })
}

/** Looks profiles up from a process of its own. */
export function lookUp(options: LookupOptions): Promise<LookupResult & GeneratorCost> {
  return runJob<LookupResult>({ lookups: options })
}

function runJob<Result>(job: LoadJob): Promise<Result & GeneratorCost> {
  return new Promise((resolve, reject) => {
    const child = fork(LOAD_PROCESS, generatorStart())
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the load generator ended with ${code}`)))
    child.once('message', (reply: LoadReply) => {
      if ('error' in reply) return reject(new Error(reply.error))
      resolve({ ...(reply.result as Result), generatorCpuNanoseconds: reply.cpuNanoseconds })
    })
    child.send(job)
  })
}
