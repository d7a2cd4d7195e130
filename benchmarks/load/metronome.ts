/**
 * A thread that beats at an exact pace. Node's timers round up to whole milliseconds, and a loop that
 * watches the clock would take one of the cores that the server needs.
 */
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

/** A beat costs about 10 µs on two threads, so they do not come closer than this. */
const INTERVAL_MS_MIN = 0.2

/**
 * Calls `beat` every `intervalMs` (at least 0.2) from when the returned promise resolves, until the
 * function that it resolves to is called.
 */
export async function startMetronome(intervalMs: number, beat: () => void): Promise<() => void> {
  const pace = Math.max(INTERVAL_MS_MIN, intervalMs)
  const thread = new Worker(new URL(import.meta.url), { workerData: pace })
  await new Promise((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('error', reject)
  })
  thread.on('message', beat)
  return () => void thread.terminate()
}

function run(intervalMs: number): void {
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let due = performance.now(); ; due += intervalMs) {
    const wait = due - performance.now()
    if (wait > 0) Atomics.wait(never, 0, 0, wait)
    parentPort?.postMessage(null)
  }
}

if (!isMainThread) run(workerData as number)
