import type { Predictor } from '../src/model/learners/predictor.ts'
import { median } from './median.ts'

const RUNS = 5

/** µs that scoring a row takes in calls of `size` rows: the median of five runs over the rows in turn. */
export function microsecondsPerRow(
  predictor: Predictor,
  rows: Float32Array,
  { size, seconds }: { readonly size: number; readonly seconds: number },
): number {
  const { width, outputs } = predictor
  const count = rows.length / width
  const out = new Float32Array(size * outputs)
  const runs: number[] = []
  let sum = 0
  let from = 0
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now()
    let calls = 0
    while (performance.now() < started + (seconds * 1_000) / RUNS) {
      predictor.predict(rows.subarray(from * width, (from + size) * width), size, out)
      sum += out[0]
      from = (from + size) % count
      calls++
    }
    runs.push(((performance.now() - started) * 1_000) / (calls * size))
  }
  if (!Number.isFinite(sum)) throw new Error('a score is not finite')
  return median(runs)
}
