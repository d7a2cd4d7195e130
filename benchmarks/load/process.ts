/** The load generator's process: one job comes as a message, its result goes back as one. */
import { runIngest } from './ingest.ts'
import { runLookups } from './lookups.ts'
import type { LoadJob, LoadReply } from './generator.ts'

async function work({ ingest, lookups }: LoadJob): Promise<LoadReply> {
  const before = process.cpuUsage()
  const result = ingest === undefined ? await runLookups(lookups) : await runIngest(ingest)
  const { user, system } = process.cpuUsage(before)
  return { result, cpuNanoseconds: (user + system) * 1000 }
}

function end(reply: LoadReply): void {
  process.send?.(reply, () => process.exit())
}

process.once('message', (job: LoadJob) => {
  work(job).then(end, (error: unknown) => end({ error: String(error) }))
})
// The runner is gone.
process.once('disconnect', () => process.exit())
