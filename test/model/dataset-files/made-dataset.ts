import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Feature } from '../../../src/profile/feature-vector.ts'
import {
  writeDataset,
  type DatasetOptions,
} from '../../../src/model/dataset-files/dataset-writer.ts'
import type { DatasetFacts, DatasetManifest } from '../../../src/model/dataset-files/manifest.ts'

export interface MadeRow {
  readonly time: number
  readonly shard: number
  readonly sequence: number
  readonly label: number
  readonly values: readonly number[]
}

export const FACTS: DatasetFacts = {
  positions: [{ shard: 0, next: 1_000 }],
  from: 1_000,
  to: 2_000,
  records: 1_000,
  censored: 3,
  unlabelled: 2,
  excluded: 1,
  late: 4,
}

export function number(name: string): Feature {
  return { name, kind: 'number', step: null }
}

export function category(name: string): Feature {
  return { name, kind: 'category', step: null }
}

/** A dataset of the rows given; what is not, is plain. */
export function writeRows(
  rows: readonly MadeRow[],
  options: Partial<DatasetOptions> & Pick<DatasetOptions, 'directory' | 'features'>,
): Promise<DatasetManifest> {
  const label = { task: 'binary', classes: ['no', 'yes'] } as const
  const target = 'Order Completed within 24h'
  const plain = { model: 'purchase', schemaHash: 'made', target, plan: { within: 24 }, label }
  return writeDataset({ ...plain, ...options }, async (writer) => {
    for (const { values, ...row } of rows) writer.add(row, Float32Array.from(values))
    return FACTS
  })
}

/** Rows of three numbers and a category, which a formula of their place gives. */
export function plainRows(count: number): MadeRow[] {
  return Array.from({ length: count }, (_, i) => ({
    time: 1_700_000_000_000 + i * 1_000,
    shard: i % 4,
    sequence: i,
    label: i % 5 === 0 ? 1 : 0,
    values: [i, i % 3 === 0 ? Number.NaN : i / 8, Math.sin(i), i % 7],
  }))
}

export const PLAIN_FEATURES = [number('count'), number('spend'), number('wave'), category('device')]

export function temporary(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'limn-dataset-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
