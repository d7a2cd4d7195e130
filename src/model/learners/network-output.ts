import type { Task } from './predictor.ts'

/** A regression's answer is `mean + deviation × output`; for other tasks 0 and 1. */
export interface LabelScale {
  readonly mean: number
  readonly deviation: number
}

/** What a network's outputs mean. */
export interface OutputShape {
  readonly task: Task
  readonly labels: LabelScale
}

const LOG_COUNT_MAX = 30

/** Turns the network's outputs into what the task asks for. */
export function answer(
  { task, labels }: OutputShape,
  raw: ArrayLike<number>,
  out: Float32Array,
  at: number,
): void {
  if (task === 'binary') out[at] = sigmoid(raw[0])
  else if (task === 'regression') out[at] = labels.mean + labels.deviation * raw[0]
  else if (task === 'count') out[at] = Math.exp(Math.min(LOG_COUNT_MAX, raw[0]))
  else softmax(raw, out, at)
}

function softmax(raw: ArrayLike<number>, out: Float32Array, at: number): void {
  let most = Number.NEGATIVE_INFINITY
  for (let i = 0; i < raw.length; i++) most = Math.max(most, raw[i])
  let sum = 0
  for (let i = 0; i < raw.length; i++) sum += Math.exp(raw[i] - most)
  for (let i = 0; i < raw.length; i++) out[at + i] = Math.exp(raw[i] - most) / sum
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit))
}
