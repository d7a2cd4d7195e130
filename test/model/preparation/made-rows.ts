import { Random } from '../../../src/model/random.ts'
import type { RawRows } from '../../../src/model/preparation/column-values.ts'
import type { TableColumn } from '../../../src/model/table/schema.ts'

const number = (name: string): TableColumn => {
  return { name, kind: 'number', categories: [], truth: false, origin: 0 }
}
const category = (name: string, categories: readonly string[]): TableColumn => {
  return { ...number(name), kind: 'category', categories }
}

/** A column of each sort: even, heavy-tailed, constant, mostly missing, categories few and many. */
export const MADE_COLUMNS: readonly TableColumn[] = [
  number('age'),
  number('spend'),
  number('same'),
  number('score'),
  category('channel', ['ad', 'mail', 'search', 'never']),
  category('member', ['no', 'yes']),
  category(
    'item',
    Array.from({ length: 500 }, (_, i) => `item ${i}`),
  ),
  { ...number('day'), kind: 'time', origin: 19_723 },
]

export function makeRawRows(count: number, seed: number): RawRows {
  const random = new Random(seed)
  const width = MADE_COLUMNS.length
  const rows = new Float32Array(count * width)
  for (let row = 0; row < count; row++) {
    const item = Math.floor(500 * random.next() ** 4)
    const values = [
      40 + 10 * random.normal(),
      Math.exp(3 + 2 * random.normal()),
      7,
      random.next() < 0.4 ? Number.NaN : random.normal(),
      Math.floor(3 * random.next()),
      random.next() < 0.3 ? 1 : 0,
      random.next() < 0.05 ? Number.NaN : item,
      Math.floor(90 * random.next()) + random.next(),
    ]
    rows.set(values, row * width)
  }
  return { width, count, rows }
}
