import { LimnError } from '../../protocol/errors.ts'
import type { DataTable } from '../table/read-table.ts'
import type { TableColumn, TableSchema } from '../table/schema.ts'
import { checkFiles, readBlocks, type DatasetBlock } from './dataset-blocks.ts'
import { readManifest, type DatasetManifest } from './manifest.ts'
import { rowHash, SampleLimit } from './row-sample.ts'

/** Values of a table in memory, at 4 bytes each. */
const VALUES_MAX = 500_000_000
const ROWS_FIRST = 4_096

export interface ReadOptions {
  /** More rows than these are halved by their hashes, again and again. */
  readonly rowsMax?: number
  /** Which rows a sample has. */
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly progress?: (rows: number, rowsTotal: number) => void
}

/** A dataset in memory, its rows in order of time, then shard, then sequence. */
export interface LoadedDataset {
  readonly table: DataTable
  /** Arrival of the event after which a row was read, ms since 1970. */
  readonly times: Float64Array
  readonly shards: Uint16Array
  readonly sequences: Float64Array
  readonly manifest: DatasetManifest
}

/**
 * Reads a dataset, after comparing its files with their checksums. Numbers have the bits that were
 * written, a missing value is NaN; categories are their places among the sorted texts that occur.
 *
 * Memory: twice 4 bytes a value of the rows kept, and one row group.
 * @throws LimnError ERR_DATASET_UNKNOWN, ERR_DATASET_CORRUPT, ERR_TABLE_SIZE; the signal's reason
 */
export async function readDataset(
  directory: string,
  { rowsMax, seed = 1, signal, progress }: ReadOptions = {},
): Promise<LoadedDataset> {
  const manifest = await readManifest(directory)
  const width = manifest.features.length
  const most = Math.min(manifest.rows, Math.max(1, rowsMax ?? Number.POSITIVE_INFINITY))
  if (most * width > VALUES_MAX) {
    const message = `${directory} has ${manifest.rows} rows of ${width} values, and ${VALUES_MAX} values are kept in memory; read fewer rows`
    throw new LimnError('ERR_TABLE_SIZE', message)
  }
  await checkFiles(directory, manifest, signal)
  const rows = new KeptRows(manifest, most, seed)
  let read = 0
  for await (const block of readBlocks(directory, manifest, signal)) {
    rows.add(block)
    read += block.count
    progress?.(read, manifest.rows)
  }
  return rows.finish()
}

/** Rows that are kept so far; of those that a sample drops nothing is left. */
class KeptRows {
  private readonly manifest: DatasetManifest
  private readonly width: number
  private readonly sample: SampleLimit
  private readonly codes: (Map<string, number> | null)[]
  private rows: Float32Array<ArrayBuffer>
  private times: Float64Array<ArrayBuffer>
  private shards: Uint16Array<ArrayBuffer>
  private sequences: Float64Array<ArrayBuffer>
  private labels: Float32Array<ArrayBuffer>
  private hashes: Float64Array<ArrayBuffer>
  private capacity: number
  private count = 0
  private readonly rowsMax: number
  private readonly seed: number

  constructor(manifest: DatasetManifest, rowsMax: number, seed: number) {
    this.manifest = manifest
    this.rowsMax = rowsMax
    this.seed = seed
    this.width = manifest.features.length
    this.sample = new SampleLimit()
    this.codes = manifest.features.map(({ kind }) => (kind === 'category' ? new Map() : null))
    this.capacity = Math.min(rowsMax, ROWS_FIRST)
    this.rows = new Float32Array(this.capacity * this.width)
    this.times = new Float64Array(this.capacity)
    this.shards = new Uint16Array(this.capacity)
    this.sequences = new Float64Array(this.capacity)
    this.labels = new Float32Array(this.capacity)
    this.hashes = new Float64Array(this.capacity)
  }

  add(block: DatasetBlock): void {
    for (let row = 0; row < block.count; row++) {
      const place = { shard: block.shards[row], sequence: block.sequences[row] }
      const hash = rowHash({ time: block.times[row], ...place }, this.seed)
      if (!this.sample.takes(hash)) continue
      while (this.count === this.rowsMax) this.halve()
      if (!this.sample.takes(hash)) continue
      if (this.count === this.capacity) this.grow()
      this.keep(block, row, hash)
    }
  }

  finish(): LoadedDataset {
    const { manifest, count, width } = this
    const order = this.inOrder()
    const categories = this.codes.map((codes, feature) => this.sortCategories(codes, feature))
    const rows = new Float32Array(count * width)
    for (let i = 0; i < count; i++) {
      const at = order[i] * width
      rows.set(this.rows.subarray(at, at + width), i * width)
    }
    const schema = schemaOf(manifest, categories)
    const table: DataTable = {
      schema,
      columns: schema.columns,
      task: manifest.label.task,
      count,
      width,
      rows,
      labels: Float32Array.from(order, (row) => this.labels[row]),
      classes: manifest.label.classes.length,
      unlabelled: 0,
      unknownLabels: 0,
      misfits: {},
      extra: [],
    }
    return {
      table,
      times: Float64Array.from(order, (row) => this.times[row]),
      shards: Uint16Array.from(order, (row) => this.shards[row]),
      sequences: Float64Array.from(order, (row) => this.sequences[row]),
      manifest,
    }
  }

  private keep(block: DatasetBlock, row: number, hash: number): void {
    const at = this.count++
    this.times[at] = block.times[row]
    this.shards[at] = block.shards[row]
    this.sequences[at] = block.sequences[row]
    this.labels[at] = block.labels[row]
    this.hashes[at] = hash
    const start = at * this.width
    for (let i = 0; i < this.width; i++) {
      const value = block.features[i][row]
      this.rows[start + i] = this.numberOf(value, this.codes[i])
    }
  }

  private numberOf(value: number | string | null, codes: Map<string, number> | null): number {
    if (value === null) return Number.NaN
    if (typeof value === 'number' || codes === null) return Number(value)
    const known = codes.get(value)
    if (known !== undefined) return known
    codes.set(value, codes.size)
    return codes.size - 1
  }

  private halve(): void {
    this.sample.halve()
    let kept = 0
    for (let i = 0; i < this.count; i++) {
      if (!this.sample.takes(this.hashes[i])) continue
      this.times[kept] = this.times[i]
      this.shards[kept] = this.shards[i]
      this.sequences[kept] = this.sequences[i]
      this.labels[kept] = this.labels[i]
      this.hashes[kept] = this.hashes[i]
      this.rows.copyWithin(kept * this.width, i * this.width, (i + 1) * this.width)
      kept++
    }
    this.count = kept
  }

  private grow(): void {
    const capacity = Math.min(this.rowsMax, Math.ceil(this.capacity * 1.5))
    this.capacity = capacity
    this.rows = grown(this.rows, new Float32Array(capacity * this.width))
    this.times = grown(this.times, new Float64Array(capacity))
    this.shards = grown(this.shards, new Uint16Array(capacity))
    this.sequences = grown(this.sequences, new Float64Array(capacity))
    this.labels = grown(this.labels, new Float32Array(capacity))
    this.hashes = grown(this.hashes, new Float64Array(capacity))
  }

  private inOrder(): Uint32Array {
    const { times, shards, sequences } = this
    return Uint32Array.from({ length: this.count }, (_, i) => i).sort(
      (a, b) => times[a] - times[b] || shards[a] - shards[b] || sequences[a] - sequences[b],
    )
  }

  /** Puts a category's places in order of its texts, those that the kept rows have. */
  private sortCategories(codes: Map<string, number> | null, feature: number): string[] {
    if (codes === null) return []
    const { rows, width, count } = this
    const used = new Uint8Array(codes.size)
    for (let at = feature; at < count * width; at += width) {
      if (rows[at] === rows[at]) used[rows[at]] = 1
    }
    const texts = [...codes].filter(([, code]) => used[code] === 1).map(([text]) => text)
    texts.sort()
    const places = new Float32Array(codes.size)
    texts.forEach((text, place) => {
      places[codes.get(text) ?? 0] = place
    })
    for (let at = feature; at < count * width; at += width) {
      if (rows[at] === rows[at]) rows[at] = places[rows[at]]
    }
    return texts
  }
}

function schemaOf(manifest: DatasetManifest, categories: readonly string[][]): TableSchema {
  const { features, label } = manifest
  const columns = features.map(({ name, kind, step }, i): TableColumn => {
    const column = { name, kind, categories: categories[i], truth: false, origin: 0 }
    return step === null ? column : { ...column, step }
  })
  return {
    columns,
    ignored: [],
    label: { name: manifest.target, task: label.task, classes: label.classes, truth: false },
  }
}

function grown<Values extends { set(from: Values): void }>(from: Values, to: Values): Values {
  to.set(from)
  return to
}
