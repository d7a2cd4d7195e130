/**
 * How soon is `limn serve` ready on an empty directory?
 *
 * Load: none; from the start of the process to the line that names its address, median of three.
 */
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'
import { median } from './median.ts'
import { benchDirectory, startServer } from './server.ts'

const STARTS = 3

export const start: Benchmark = {
  name: 'start',
  figures: [speed('startSecondsEmpty', 's', { better: 'lower', must: 2 })],
  async run() {
    const seconds: number[] = []
    for (let i = 0; i < STARTS; i++) seconds.push(await startOnce())
    return { results: { startSecondsEmpty: median(seconds) } }
  },
}

async function startOnce(): Promise<number> {
  const directory = benchDirectory()
  try {
    const server = await startServer(directory.path)
    await server.stop()
    return server.startSeconds
  } finally {
    directory.remove()
  }
}
