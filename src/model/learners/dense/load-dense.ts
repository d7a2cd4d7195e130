import { LimnError } from '../../../protocol/errors.ts'
import { loadBackend } from '../backend.ts'
import { networkParameters, type Network } from './network.ts'
import { DensePredictor, type DenseFacts } from './dense-predictor.ts'
import type { SavedPredictor, Task } from '../predictor.ts'

export async function loadDense(
  name: string,
  tasks: readonly Task[],
  saved: SavedPredictor,
): Promise<DensePredictor> {
  const facts = saved.description as unknown as DenseFacts
  const { sizes, task } = facts
  const whole = Array.isArray(sizes) && sizes.length >= 2 && sizes.every(Number.isInteger)
  if (!whole || !tasks.includes(task)) throw corrupt(name, 'its description is not a network')
  const bytes = 4 * networkParameters(sizes)
  if (saved.bytes.length !== bytes) {
    throw corrupt(name, `${saved.bytes.length} bytes of weights where ${bytes} were saved`)
  }
  const backend = sizes.length > 2 ? await loadBackend() : null
  return new DensePredictor(name, networkOf(sizes, saved.bytes), { facts, backend })
}

function networkOf(sizes: readonly number[], bytes: Uint8Array): Network {
  const floats = new Float32Array(bytes.slice().buffer)
  const weights: Float32Array[] = []
  const biases: Float32Array[] = []
  let at = 0
  for (let layer = 0; layer < sizes.length - 1; layer++) {
    weights.push(floats.slice(at, (at += sizes[layer] * sizes[layer + 1])))
    biases.push(floats.slice(at, (at += sizes[layer + 1])))
  }
  return { sizes, weights, biases }
}

function corrupt(name: string, why: string): LimnError {
  return new LimnError('ERR_MODEL_CORRUPT', `the ${name} model is damaged: ${why}`)
}
