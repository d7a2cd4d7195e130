/** Inputs are standardised; beyond this many deviations they carry no more weight. */
const INPUT_MAX = 20

/** What is not finite counts as 0, the mean, and extremes are clipped. */
export function clippedInput(x: number): number {
  return x - x !== 0 ? 0 : x > INPUT_MAX ? INPUT_MAX : x < -INPUT_MAX ? -INPUT_MAX : x
}

/** Copies a row's inputs, each as {@link clippedInput}. */
export function takeInputs(rows: Float32Array, offset: number, inputs: Float32Array): void {
  for (let i = 0; i < inputs.length; i++) inputs[i] = clippedInput(rows[offset + i])
}
