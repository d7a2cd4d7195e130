import { writeFileSync } from 'node:fs'
import { makeExamples } from '../learners/made-examples.ts'
import type { MadeExamples } from '../learners/made-examples.ts'

/**
 * Writes rows of a known function as a CSV file with a label, a category that matters, a number that
 * is missing here and there, and an id; returns the rows.
 */
export function writeTable(
  file: string,
  options: { task: 'binary' | 'regression'; count: number; seed: number; leak?: boolean },
): MadeExamples {
  const { task, count, seed, leak = false } = options
  const made = makeExamples(task, { count, seed })
  const lines = Array.from({ length: count }, (_, row) => {
    const x = Array.from(made.rows.subarray(row * made.width, (row + 1) * made.width))
    const cells = x.map((value, i) => (i === 4 && row % 9 === 0 ? '' : value.toFixed(4)))
    const kind = x[1] > 0.5 ? 'high' : x[1] < -0.5 ? 'low' : 'middle'
    const label = task === 'binary' ? (made.labels[row] === 1 ? 'yes' : 'no') : made.labels[row]
    const copy = leak ? `,${task === 'binary' ? made.labels[row] * 3 + 1 : made.labels[row]}` : ''
    return [`s${seed}-${row}`, ...cells, kind, `${label}${copy}`].join(',')
  })
  const names = ['session', 'a', 'b', 'c', 'd', 'e', 'f', 'kind', `bought${leak ? ',paid' : ''}`]
  writeFileSync(file, [names.join(','), ...lines].join('\n'))
  return made
}
