import type { TableColumn } from '../table/schema.ts'
import { differentValues } from '../binning.ts'
import { quantile, sortedValues, type RawRows } from '../preparation/column-values.ts'
import { measureWithIntervals, type Metrics } from './bootstrap.ts'
import { sampleOf, takeOutcome, type MetricName, type Outcome } from './outcome.ts'

/** Values shown one by one; other categories stand together, more numbers are cut into quarters. */
const VALUES_MAX = 10
const PARTS = 4
const RESAMPLES = 200

/** The rows where a column has a value, or lies in a range. */
export interface Slice {
  readonly column: string
  readonly value: string
  readonly rows: number
  /** Mean of the labels, and of the predictions: shares of positives where the task is `binary`. */
  readonly meanLabel: number | null
  readonly meanPrediction: number | null
  readonly metrics: Metrics<MetricName>
}

/** Metrics of the rows for each value of a column: categories, numbers of few, or quarters of many. */
export function slicesBy(
  outcome: Outcome,
  raw: RawRows,
  column: TableColumn & { readonly at: number },
): Slice[] {
  const parts = partsOf(raw, column)
  return parts
    .filter(({ rows }) => rows.length > 0)
    .map(({ value, rows }) => {
      const taken = takeOutcome(outcome, Uint32Array.from(rows))
      const metrics = measureWithIntervals(sampleOf(taken), { resamples: RESAMPLES })
      return { column: column.name, value, rows: rows.length, ...meansOf(taken), metrics }
    })
}

function partsOf(raw: RawRows, column: TableColumn & { readonly at: number }): Part[] {
  if (column.kind === 'category') return byCategory(raw, column)
  const sorted = sortedValues(raw, column.at)
  const values = differentValues(sorted, VALUES_MAX)
  return values === null ? byRange(raw, column, sorted) : byValue(raw, column, values)
}

interface Part {
  readonly value: string
  readonly rows: number[]
}

function meansOf(taken: Outcome): Pick<Slice, 'meanLabel' | 'meanPrediction'> {
  if (taken.task === 'multiclass') return { meanLabel: null, meanPrediction: null }
  const { labels, outputs, weights } = taken
  return { meanLabel: mean(labels, weights), meanPrediction: mean(outputs, weights) }
}

function byCategory(raw: RawRows, column: TableColumn & { readonly at: number }): Part[] {
  const parts = column.categories.map((value): Part => ({ value, rows: [] }))
  const missing: Part = { value: '(missing)', rows: [] }
  for (let row = 0; row < raw.count; row++) {
    const code = raw.rows[row * raw.width + column.at]
    const part = code >= 0 && code < parts.length ? parts[Math.floor(code)] : missing
    part.rows.push(row)
  }
  const ordered = parts.sort((a, b) => b.rows.length - a.rows.length)
  const others = ordered.slice(VALUES_MAX).flatMap(({ rows }) => rows)
  return [...ordered.slice(0, VALUES_MAX), { value: '(others)', rows: others }, missing]
}

function byValue(
  raw: RawRows,
  column: TableColumn & { readonly at: number },
  values: Float32Array,
): Part[] {
  const shown = shownAs(column)
  const parts = Array.from(values, (value): Part => ({ value: shown(value), rows: [] }))
  const missing: Part = { value: '(missing)', rows: [] }
  for (let row = 0; row < raw.count; row++) {
    const part = values.indexOf(raw.rows[row * raw.width + column.at])
    if (part < 0) missing.rows.push(row)
    else parts[part].rows.push(row)
  }
  return [...parts, missing]
}

function byRange(
  raw: RawRows,
  column: TableColumn & { readonly at: number },
  sorted: Float32Array,
): Part[] {
  const shown = shownAs(column)
  const cuts = Array.from({ length: PARTS - 1 }, (_, i) => quantile(sorted, (i + 1) / PARTS))
  const edges = [...new Set(cuts)].filter((cut) => cut < sorted[sorted.length - 1])
  const parts = [...edges, Number.POSITIVE_INFINITY].map((edge, i): Part => {
    const above = i === 0 ? null : shown(edges[i - 1])
    const upTo = edge === Number.POSITIVE_INFINITY ? null : shown(edge)
    const value = above === null ? `up to ${upTo ?? 'all'}` : `above ${above}`
    return { value: above === null || upTo === null ? value : `${above} to ${upTo}`, rows: [] }
  })
  const missing: Part = { value: '(missing)', rows: [] }
  for (let row = 0; row < raw.count; row++) {
    const x = raw.rows[row * raw.width + column.at]
    if (x !== x) missing.rows.push(row)
    else parts[edges.filter((edge) => x > edge).length].rows.push(row)
  }
  return [...parts, missing]
}

function shownAs({ kind, origin }: TableColumn): (value: number) => string {
  if (kind === 'number') return (value) => String(Number(value.toPrecision(4)))
  return (value) => new Date((origin + value) * 86_400_000).toISOString().slice(0, 10)
}

function mean(values: Float32Array, weights: Float32Array | null): number {
  let sum = 0
  let total = 0
  values.forEach((value, row) => {
    const weight = weights === null ? 1 : weights[row]
    sum += weight * value
    total += weight
  })
  return sum / total
}
