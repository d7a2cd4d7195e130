import type { Benchmark, Figure } from './benchmark.ts'
import type { Report } from './report.ts'

/** What is better when large may fall to this share of the baseline. */
const HIGHER_RATIO_MIN = 0.85
/** What is better when small may grow to this multiple. */
const LOWER_RATIO_MAX = 1.3

export interface Comparison {
  /** One line a figure. */
  readonly lines: readonly string[]
  readonly failures: number
}

/**
 * Compares with a report made before. Where speed counts, each value is first taken as a ratio to the
 * reference loop timed around its benchmark, so that another machine or moment compares.
 */
export function compare(
  benchmarks: readonly Benchmark[],
  now: Report,
  baseline: Report,
): Comparison {
  if (now.machine.profiles !== baseline.machine.profiles) {
    const { profiles } = baseline.machine
    throw new Error(`the baseline has ${profiles} profiles; compare with --profiles ${profiles}`)
  }
  const lines: string[] = []
  let failures = 0
  for (const { name, figures } of benchmarks) {
    const slowdown = now.reference[name] / baseline.reference[name]
    for (const figure of figures) {
      const ratio = ratioOf(figure, slowdown, now.results[figure.key], baseline.results[figure.key])
      if (ratio === null) continue
      const passes = within(figure, ratio)
      if (!passes) failures += 1
      lines.push(`${passes ? 'ok  ' : 'FAIL'}  ${figure.key}  ${ratio.toFixed(2)} of the baseline`)
    }
  }
  return { lines, failures }
}

function ratioOf(
  { better, scalesWithSpeed }: Figure,
  slowdown: number,
  now: number | null | undefined,
  before: number | null | undefined,
): number | null {
  if (typeof now !== 'number' || typeof before !== 'number') return null
  if (!scalesWithSpeed) return now / before
  return better === 'higher' ? (now / before) * slowdown : now / before / slowdown
}

function within({ better }: Figure, ratio: number): boolean {
  return better === 'higher' ? ratio >= HIGHER_RATIO_MIN : ratio <= LOWER_RATIO_MAX
}
