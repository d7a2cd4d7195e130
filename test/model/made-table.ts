import { Random } from '../../src/model/random.ts'
import type { Table } from '../../src/model/table.ts'

/** Rows whose true probability is known; column 0 is heavy-tailed, column 3 has missing values. */
export function makeTable(count: number, seed: number): Table & { readonly truth: Float64Array } {
  const random = new Random(seed)
  const width = 6
  const rows = new Float32Array(count * width)
  const labels = new Uint8Array(count)
  const truth = new Float64Array(count)
  for (let row = 0; row < count; row++) {
    const at = row * width
    const spend = random.normal()
    rows[at] = Math.exp(2 * spend)
    rows[at + 1] = random.normal()
    rows[at + 2] = 1_000 + 50 * random.normal()
    const missing = random.next() < 0.3
    rows[at + 3] = missing ? Number.NaN : random.normal()
    rows[at + 4] = 7
    rows[at + 5] = random.normal()
    const recent = missing ? -1 : rows[at + 3]
    const logit = -2.2 + spend + 0.8 * rows[at + 1] + 0.7 * recent
    truth[row] = 1 / (1 + Math.exp(-logit))
    labels[row] = random.next() < truth[row] ? 1 : 0
  }
  return { width, count, rows, labels, truth }
}
