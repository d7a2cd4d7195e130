import { LimnError } from '../../protocol/errors.ts'

/**
 * Weights under which every class counts as much as any other, `n / (classes × n_class)`; 1 for a
 * class without a row.
 * @throws LimnError ERR_LEARNER_TASK where there are no classes
 */
export function balancedWeights(labels: Float32Array, classes: number): Float64Array {
  if (classes === 0) {
    throw new LimnError('ERR_LEARNER_TASK', 'class weights are for classes; these labels are none')
  }
  const counts = new Float64Array(classes)
  for (const label of labels) counts[label]++
  return counts.map((count) => (count === 0 ? 1 : labels.length / (classes * count)))
}

export function weightsOfRows(labels: Float32Array, classWeights: Float64Array): Float32Array {
  return labels.map((label) => classWeights[label])
}
