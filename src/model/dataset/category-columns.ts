import type { Feature } from '../../profile/feature-vector.ts'
import type { TableColumn } from '../table/schema.ts'
import type { CategoryTexts } from './texts.ts'

/** Texts of a column; rows with rarer ones count as missing. */
export const CATEGORIES_MAX = 10_000

/**
 * Columns of a table for feature vectors, `count × features` row by row. Codes of texts are replaced,
 * in `rows`, by places among the column's categories; a code that has none becomes NaN.
 */
export function tableColumns(
  features: readonly Feature[],
  rows: Float32Array,
  texts: CategoryTexts,
): TableColumn[] {
  return features.map(({ name, kind, step }, column) => {
    const at = { column, width: features.length }
    const categories = kind === 'category' ? replaceCodes(rows, at, texts) : []
    return { name, kind, categories, truth: false, origin: 0, ...(step !== null && { step }) }
  })
}

function replaceCodes(
  rows: Float32Array,
  { column, width }: { readonly column: number; readonly width: number },
  texts: CategoryTexts,
): string[] {
  const counts = new Map<number, number>()
  for (let at = column; at < rows.length; at += width) {
    const code = rows[at]
    if (code === code) counts.set(code, (counts.get(code) ?? 0) + 1)
  }
  const known = [...counts].flatMap(([code, count]) => {
    const text = texts.textOf(code)
    return text === undefined ? [] : [{ code, count, text }]
  })
  known.sort((a, b) => b.count - a.count || compareTexts(a.text, b.text))
  const kept = known.slice(0, CATEGORIES_MAX).sort((a, b) => compareTexts(a.text, b.text))
  const places = new Map(kept.map(({ code }, place) => [code, place]))
  for (let at = column; at < rows.length; at += width) {
    rows[at] = places.get(rows[at]) ?? Number.NaN
  }
  return kept.map(({ text }) => text)
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
