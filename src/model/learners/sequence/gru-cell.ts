import type { Cell } from './cell.ts'
import { sigmoid, tanh } from './squash.ts'

/**
 * Gated recurrent unit (Cho et al. 2014, arXiv 1406.1078v1, with biases): the reset gate acts on the
 * product of the hidden state, so that one product serves all three blocks.
 *
 *     z = σ(xWz + hUz + bz)    r = σ(xWr + hUr + br)    q = hUn + cn
 *     n = tanh(xWn + bn + r·q)    h' = n + z·(h − n)
 *
 * Blocks: z, r, n. `inner` is q; there is no memory.
 */
export const gruCell: Cell = {
  gates: 3,
  recurrentBiases: 1,
  keepingGate: 0,
  forward({ at, count, hidden: size }, { trace, state, products, recurrentBias }) {
    const { gates, before, inner } = trace
    const { hidden } = state
    for (let row = 0; row < count; row++) {
      let p = row * 3 * size
      let g = at * 3 * size + p
      let own = (at + row) * size
      for (let k = row * size, j = 0; j < size; j++, k++, p++, g++, own++) {
        const z = sigmoid(gates[g] + products[p])
        const r = sigmoid(gates[g + size] + products[p + size])
        const q = products[p + 2 * size] + recurrentBias[j]
        const n = tanh(gates[g + 2 * size] + r * q)
        const h = hidden[k]
        gates[g] = z
        gates[g + size] = r
        gates[g + 2 * size] = n
        inner[own] = q
        before[own] = h
        hidden[k] = n + z * (h - n)
      }
    }
  },
  backward({ at, count, hidden: size }, trace, { hidden }) {
    const { gates, recurrentSlopes, before, inner } = trace
    for (let row = 0; row < count; row++) {
      let g = (at + row) * 3 * size
      let own = (at + row) * size
      for (let k = row * size, j = 0; j < size; j++, k++, g++, own++) {
        const z = gates[g]
        const r = gates[g + size]
        const n = gates[g + 2 * size]
        const slope = hidden[k]
        const onZ = slope * (before[own] - n) * z * (1 - z)
        const onN = slope * (1 - z) * (1 - n * n)
        const onR = onN * inner[own] * r * (1 - r)
        gates[g] = recurrentSlopes[g] = onZ
        gates[g + size] = recurrentSlopes[g + size] = onR
        gates[g + 2 * size] = onN
        recurrentSlopes[g + 2 * size] = onN * r
        hidden[k] = slope * z
      }
    }
  },
}
