/**
 * Turns probabilities of a model that was fitted with class weights into those of the classes as
 * frequent as they are, in place. Weighting class k by w_k is a change of its prior by that factor, so
 * p_k / w_k, made to sum to 1, is the probability under the former one (Elkan, The Foundations of
 * Cost-Sensitive Learning, IJCAI 2001, theorem 2; Saerens, Latinne & Decaestecker, Neural Computation
 * 14, 2002). The factor is known: a calibration would have to learn it from rows. What is left to
 * the calibration are the model's own errors, such as those of trees that learn heavy rows by heart.
 * @param outputs one probability a row, of class 1, for two weights; else one for each class
 */
export function undoClassWeights(
  outputs: Float32Array,
  count: number,
  weights: Float64Array,
): void {
  if (outputs.length === count && weights.length === 2) {
    for (let row = 0; row < count; row++) {
      const yes = outputs[row] / weights[1]
      outputs[row] = yes / (yes + (1 - outputs[row]) / weights[0])
    }
    return
  }
  const classes = weights.length
  for (let row = 0; row < count; row++) {
    const own = outputs.subarray(row * classes, (row + 1) * classes)
    let sum = 0
    for (let k = 0; k < classes; k++) sum += own[k] / weights[k]
    for (let k = 0; k < classes; k++) own[k] = sum > 0 ? own[k] / weights[k] / sum : 1 / classes
  }
}
