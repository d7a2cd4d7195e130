import type { Feature } from '../../profile/feature-vector.ts'
import { checkFiles, readBlocks } from './dataset-blocks.ts'
import { readManifest, type DatasetManifest } from './manifest.ts'

/** Different texts of a column that are counted one by one. */
const CATEGORIES_MAX = 10_000
const TOP = 5

export interface DescribeOptions {
  readonly signal?: AbortSignal
  readonly progress?: (rows: number, rowsTotal: number) => void
}

export interface NumberSummary {
  readonly name: string
  readonly kind: 'number'
  /** Share of the rows. */
  readonly missing: number
  readonly constant: boolean
  /** Of the finite values; null where there are none. */
  readonly mean: number | null
  readonly deviation: number | null
  /** Of all values, so that they may be infinite. */
  readonly min: number | null
  readonly max: number | null
  readonly infinite: number
}

export interface CategorySummary {
  readonly name: string
  readonly kind: 'category'
  readonly missing: number
  readonly constant: boolean
  /** Different texts; with `more`, those that were counted before there were too many. */
  readonly categories: number
  readonly more: boolean
  readonly top: readonly { readonly text: string; readonly rows: number }[]
}

export interface DatasetDescription {
  readonly manifest: DatasetManifest
  readonly columns: readonly (NumberSummary | CategorySummary)[]
}

/**
 * Reads a dataset once, a row group at a time, and sums its columns up, after comparing its files with
 * their checksums.
 * @throws LimnError ERR_DATASET_UNKNOWN, ERR_DATASET_CORRUPT; the signal's reason
 */
export async function describeDataset(
  directory: string,
  { signal, progress }: DescribeOptions = {},
): Promise<DatasetDescription> {
  const manifest = await readManifest(directory)
  await checkFiles(directory, manifest, signal)
  const columns = manifest.features.map((feature) =>
    feature.kind === 'number' ? new NumberColumn(feature) : new CategoryColumn(feature),
  )
  let read = 0
  for await (const { features, count } of readBlocks(directory, manifest, signal)) {
    columns.forEach((column, i) => column.add(features[i]))
    read += count
    progress?.(read, manifest.rows)
  }
  return { manifest, columns: columns.map((column) => column.finish(manifest.rows)) }
}

class NumberColumn {
  private readonly name: string
  private present = 0
  private finite = 0
  private mean = 0
  private squares = 0
  private min = Number.POSITIVE_INFINITY
  private max = Number.NEGATIVE_INFINITY

  constructor({ name }: Feature) {
    this.name = name
  }

  /** Mean and variance by B. P. Welford's method, 1962. */
  add(values: ArrayLike<number | string | null>): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (typeof value !== 'number') continue
      this.present++
      if (value < this.min) this.min = value
      if (value > this.max) this.max = value
      if (value - value !== 0) continue
      this.finite++
      const distance = value - this.mean
      this.mean += distance / this.finite
      this.squares += distance * (value - this.mean)
    }
  }

  finish(rows: number): NumberSummary {
    const { name, present, finite, min, max } = this
    return {
      name,
      kind: 'number',
      missing: rows === 0 ? 0 : (rows - present) / rows,
      constant: min >= max,
      mean: finite === 0 ? null : this.mean,
      deviation: finite === 0 ? null : Math.sqrt(this.squares / finite),
      min: present === 0 ? null : min,
      max: present === 0 ? null : max,
      infinite: present - finite,
    }
  }
}

class CategoryColumn {
  private readonly name: string
  private readonly texts = new Map<string, number>()
  private present = 0
  private more = false

  constructor({ name }: Feature) {
    this.name = name
  }

  add(values: ArrayLike<number | string | null>): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (typeof value !== 'string') continue
      this.present++
      const known = this.texts.get(value)
      if (known !== undefined) this.texts.set(value, known + 1)
      else if (this.texts.size < CATEGORIES_MAX) this.texts.set(value, 1)
      else this.more = true
    }
  }

  finish(rows: number): CategorySummary {
    const { name, present, texts, more } = this
    const counts = [...texts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    return {
      name,
      kind: 'category',
      missing: rows === 0 ? 0 : (rows - present) / rows,
      constant: texts.size <= 1,
      categories: texts.size,
      more,
      top: counts.slice(0, TOP).map(([text, count]) => ({ text, rows: count })),
    }
  }
}
