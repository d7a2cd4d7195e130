import type { Evaluation } from '../model/evaluation/evaluate.ts'

/** Metrics as plain numbers, their intervals, the baselines and the live version beside. */
export function numbersOf({ metrics, baselines, live, confidence }: Evaluation): object {
  const intervals = Object.entries(metrics).map(([name, { low, high }]) => [name, [low, high]])
  const compared = ({ name, description, metrics: of }: Evaluation['baselines'][number]) => {
    return { name, description, metrics: valuesOf(of) }
  }
  return {
    metrics: valuesOf(metrics),
    confidence,
    intervals: Object.fromEntries(intervals) as Record<string, unknown>,
    baselines: baselines.map(compared),
    live: live === null ? null : compared(live),
  }
}

/** One line of the metrics that have a value. */
export function numbersText(metrics: Evaluation['metrics']): string {
  return Object.entries(metrics)
    .flatMap(([name, { value }]) => (value === null ? [] : [`${name} ${value.toFixed(4)}`]))
    .join('  ')
}

function valuesOf(metrics: Evaluation['metrics']): Record<string, number | null> {
  return Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [name, value]))
}
