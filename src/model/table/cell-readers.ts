import { isMissing, parseDays, parseNumber, parseTruth } from './cells.ts'
import type { LabelSchema, TableColumn } from './schema.ts'

/** The value of a cell; NaN: missing; Infinity: it does not fit the column. */
export type CellReader = (text: string) => number

const MISFIT = Number.POSITIVE_INFINITY

/** Reads the cells of a column: a number as it is, the code of a category, days since the origin. */
export function cellReader({ kind, categories, truth, origin }: TableColumn): CellReader {
  if (kind === 'category') return categoryReader(categories, truth)
  if (kind === 'time') return orMisfit((text) => parseDays(text) - origin)
  return orMisfit(parseNumber)
}

/** Reads the cells of the label: the index of a class, or a number. */
export function labelReader({ classes, task, truth }: LabelSchema): CellReader {
  if (classes.length > 0) return categoryReader(classes, truth)
  return orMisfit((text) => {
    const value = parseNumber(text)
    return task === 'count' && value < 0 ? Number.NaN : value
  })
}

function categoryReader(categories: readonly string[], truth: boolean): CellReader {
  const codes = new Map(categories.map((text, code) => [text, code]))
  return (text) => {
    const code = codes.get(text)
    if (code !== undefined) return code
    if (isMissing(text)) return Number.NaN
    const spelt = truth ? parseTruth(text) : -1
    return spelt < 0 ? MISFIT : spelt
  }
}

function orMisfit(parse: (text: string) => number): CellReader {
  return (text) => {
    const value = parse(text)
    if (value === value && text !== '')
      return Math.fround(value) - Math.fround(value) === 0 ? value : MISFIT
    return isMissing(text) ? Number.NaN : MISFIT
  }
}
