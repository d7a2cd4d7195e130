/**
 * How long does a restart take with a checkpoint, and how fast is the journal replayed without one?
 *
 * Load: the fixture's server is stopped after a complete checkpoint and started again; then stopped,
 * its checkpoints dropped, and started, so that every record is folded. The page cache is warm.
 * Shards recover in parallel: the seconds are the slowest one's, and have reading the message ids
 * of the last 24 h in them. The server's own start (about a second) is not counted.
 */
import type { Benchmark, BenchmarkContext, Outcome } from './benchmark.ts'
import { speed } from './benchmark.ts'
import type { BenchServer } from './server.ts'

export const recovery: Benchmark = {
  name: 'recovery',
  figures: [
    speed('recoverySecondsPerMillionProfiles', 's', { better: 'lower', must: 1, goal: 0.5 }),
    speed('replayEventsPerSecond', '/s', { better: 'higher', must: 500_000, goal: 2_000_000 }),
  ],
  async run(context) {
    const checkpoint = await fromCheckpoint(context)
    const journal = await fromJournal(context)
    // The benchmarks that follow begin with a complete checkpoint.
    await context.fixture.restart({ dropCheckpoint: false })
    return {
      results: { ...checkpoint.results, ...journal.results },
      notes: { ...checkpoint.notes, ...journal.notes },
    }
  },
}

async function fromCheckpoint({ fixture, profiles }: BenchmarkContext): Promise<Outcome> {
  const server = await fixture.restart({ dropCheckpoint: false })
  const { records, seconds } = await recovered(server)
  const ids = sum(await server.metric('limn_dedupe_ids'))
  return {
    results: { recoverySecondsPerMillionProfiles: (Math.max(...seconds) / profiles) * 1e6 },
    notes: {
      recoverySecondsPerMillionProfiles: `${shown(seconds)} s a shard for ${profiles} profiles, ${sum(records)} records of tail and ${ids} message ids; ready ${server.startSeconds.toFixed(2)} s after the start of the process`,
    },
  }
}

async function fromJournal({ fixture }: BenchmarkContext): Promise<Outcome> {
  const server = await fixture.restart({ dropCheckpoint: true })
  const { records, seconds } = await recovered(server)
  const rates = records.map((count, shard) => Math.round(count / seconds[shard]))
  return {
    results: { replayEventsPerSecond: Math.round(sum(records) / Math.max(...seconds)) },
    notes: {
      replayEventsPerSecond: `${sum(records)} records, all shards together; each alone ${rates.join(' and ')}/s`,
    },
  }
}

async function recovered(server: BenchServer): Promise<{ records: number[]; seconds: number[] }> {
  const records = await server.metric('limn_recovery_replayed_records')
  const seconds = await server.metric('limn_recovery_seconds')
  return { records, seconds }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function shown(seconds: readonly number[]): string {
  return seconds.map((value) => value.toFixed(2)).join(' and ')
}
