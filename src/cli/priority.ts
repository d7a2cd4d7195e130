import { readdirSync } from 'node:fs'
import { constants, setPriority } from 'node:os'

/**
 * Gives this process what others leave of the processor: a command that trains must not make a server
 * beside it slow. On Linux a priority is a thread's, so that of each is lowered, the collector's too;
 * threads that are started later inherit it.
 */
export function yieldToOthers(): void {
  const { PRIORITY_LOW } = constants.priority
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [0]
  for (const thread of threads) lower(thread, PRIORITY_LOW)
}

/** A thread that has ended meanwhile needs nothing. */
function lower(thread: number, priority: number): void {
  try {
    setPriority(thread, priority)
  } catch (error) {
    const ended = error instanceof Error && 'info' in error && /ESRCH/.test(error.message)
    if (!ended) throw error
  }
}
