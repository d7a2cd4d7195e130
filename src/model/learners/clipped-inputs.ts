/** Inputs are standardised; beyond this many deviations they carry no more weight. */
export const INPUT_MAX = 20

/** Copies a row's inputs; what is not finite counts as 0, the mean, and extremes are clipped. */
export function takeInputs(rows: Float32Array, offset: number, inputs: Float32Array): void {
  for (let i = 0; i < inputs.length; i++) {
    const x = rows[offset + i]
    inputs[i] = x - x !== 0 ? 0 : x > INPUT_MAX ? INPUT_MAX : x < -INPUT_MAX ? -INPUT_MAX : x
  }
}
