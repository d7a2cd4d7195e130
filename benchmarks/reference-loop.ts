const WORDS = 1 << 18
const STEPS = 8_000_000
const REPEATS = 5

/**
 * Milliseconds that a fixed loop takes now: integer arithmetic over 1 MiB with dependent reads. It
 * touches nothing of Limn, so a figure divided by it compares between machines and moments. The
 * fastest of several, since the server may be busy in the background.
 */
export function referenceMilliseconds(): number {
  const words = Uint32Array.from({ length: WORDS }, (_, i) => Math.imul(i, 0x9e3779b9))
  return Math.min(...Array.from({ length: REPEATS }, () => timeOnce(words)))
}

function timeOnce(words: Uint32Array): number {
  const started = performance.now()
  let at = 1
  for (let i = 0; i < STEPS; i++) {
    at = (Math.imul(at ^ words[at & (WORDS - 1)], 0x85ebca6b) + i) >>> 0
  }
  if (at === words[0]) words[0] += 1
  return performance.now() - started
}
