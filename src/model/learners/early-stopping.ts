import { setImmediate } from 'node:timers/promises'
import { LimnError } from '../../protocol/errors.ts'
import type { Random } from '../random.ts'
import type { Examples, FitRequest } from './learner.ts'
import type { Parameters } from './predictor.ts'

/** Share of the training rows that stops fitting where no validation rows are given. */
const STOPPING_SHARE = 0.1
const STOPPING_ROWS_MIN = 100
/** The step of a fit shrinks by this after each epoch that was no better. */
const RATE_DECAY = 0.6

/** The rows to fit on, and those that say when to stop. */
export interface StoppingRows {
  readonly fitted: Uint32Array
  readonly examples: Examples
  readonly rows: Uint32Array
}

/** The validation rows, else some drawn from the training rows; all of these where they are few. */
export function stoppingRows({ training, validation }: FitRequest, random: Random): StoppingRows {
  const order = Uint32Array.from({ length: training.count }, (_, i) => i)
  random.shuffle(order)
  if (validation !== null && validation.count > 0) {
    const rows = Uint32Array.from({ length: validation.count }, (_, i) => i)
    return { fitted: order, examples: validation, rows }
  }
  const held = Math.floor(order.length * STOPPING_SHARE)
  if (held < STOPPING_ROWS_MIN) return { fitted: order, examples: training, rows: order.slice() }
  return { fitted: order.slice(held), examples: training, rows: order.slice(0, held) }
}

export interface EpochsRequest<M> {
  /** Of the learner. */
  readonly name: string
  /** Of these `epochs`, `patience` and `learningRate` are used. */
  readonly parameters: Parameters
  readonly signal?: AbortSignal
  /** Fits once on all rows; null where it was stopped on the way and an earlier model is there. */
  readonly epoch: (rate: number, first: boolean) => Promise<{ model: M; loss: number } | null>
  readonly reached?: (epochs: number, loss: number) => void
}

export interface BestEpoch<M> {
  readonly model: M
  readonly loss: number
  readonly epochs: number
}

/**
 * Runs epochs until none of the last `patience` was better, and keeps the best one.
 * @throws LimnError ERR_MODEL_DIVERGED
 */
export async function bestEpoch<M>(request: EpochsRequest<M>): Promise<BestEpoch<M>> {
  const { name, parameters, signal } = request
  const { epochs, patience } = parameters
  let rate = parameters.learningRate
  let best: BestEpoch<M> | null = null
  let waited = 0
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const done = await request.epoch(rate, best === null)
    if (done === null) break
    const { model, loss } = done
    if (!Number.isFinite(loss)) {
      const message = `${name}: the loss is ${loss} after epoch ${epoch}; try a smaller learningRate`
      throw new LimnError('ERR_MODEL_DIVERGED', message)
    }
    request.reached?.(epoch, loss)
    if (best === null || loss < best.loss) {
      best = { model, loss, epochs: epoch }
      waited = 0
    } else {
      waited++
      rate *= RATE_DECAY
      if (waited >= patience) break
    }
    if (signal?.aborted === true) break
    await setImmediate()
  }
  if (best === null) throw new LimnError('ERR_MODEL_DIVERGED', `${name}: no epoch was run`)
  return best
}
