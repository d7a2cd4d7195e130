import type { Cell } from './cell.ts'
import { sigmoid, tanh } from './squash.ts'

/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997) with a forget gate (Gers et al. 2000) whose
 * bias starts at 1 (Jozefowicz et al. 2015), without peepholes.
 *
 *     i, f, o = σ(xW + hU + b)    g = tanh(xWg + hUg + bg)    c' = f·c + i·g    h' = o·tanh(c')
 *
 * Blocks: i, f, o, g. `inner` is tanh(c'); slopes of both products are the same, in one array.
 */
export const lstmCell: Cell = {
  gates: 4,
  recurrentBiases: 0,
  keepingGate: 1,
  forward({ at, count, hidden: size }, { trace, state, products }) {
    const { gates, before, memoryBefore, inner } = trace
    const { hidden, memory } = state
    for (let row = 0; row < count; row++) {
      let p = row * 4 * size
      let g = at * 4 * size + p
      let own = (at + row) * size
      for (let k = row * size, j = 0; j < size; j++, k++, p++, g++, own++) {
        const i = sigmoid(gates[g] + products[p])
        const f = sigmoid(gates[g + size] + products[p + size])
        const o = sigmoid(gates[g + 2 * size] + products[p + 2 * size])
        const candidate = tanh(gates[g + 3 * size] + products[p + 3 * size])
        const c = f * memory[k] + i * candidate
        const shown = tanh(c)
        gates[g] = i
        gates[g + size] = f
        gates[g + 2 * size] = o
        gates[g + 3 * size] = candidate
        inner[own] = shown
        before[own] = hidden[k]
        memoryBefore[own] = memory[k]
        memory[k] = c
        hidden[k] = o * shown
      }
    }
  },
  backward({ at, count, hidden: size }, trace, { hidden, memory }) {
    const { gates, memoryBefore, inner } = trace
    for (let row = 0; row < count; row++) {
      let g = (at + row) * 4 * size
      let own = (at + row) * size
      for (let k = row * size, j = 0; j < size; j++, k++, g++, own++) {
        const i = gates[g]
        const f = gates[g + size]
        const o = gates[g + 2 * size]
        const candidate = gates[g + 3 * size]
        const shown = inner[own]
        const slope = hidden[k]
        const onMemory = memory[k] + slope * o * (1 - shown * shown)
        gates[g] = onMemory * candidate * i * (1 - i)
        gates[g + size] = onMemory * memoryBefore[own] * f * (1 - f)
        gates[g + 2 * size] = slope * shown * o * (1 - o)
        gates[g + 3 * size] = onMemory * i * (1 - candidate * candidate)
        memory[k] = onMemory * f
        hidden[k] = 0
      }
    }
  },
}
