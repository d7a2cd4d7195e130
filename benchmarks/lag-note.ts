const LAG_P99_MS_MAX = 1

/** What the generator's own lateness means for the latencies of an open loop. */
export function lagNote(lagP99Ms: number): string {
  const verdict = lagP99Ms > LAG_P99_MS_MAX ? ', above 1 ms: VOID as a latency figure' : ''
  return `generator lag p99 ${lagP99Ms.toFixed(2)} ms${verdict}`
}
