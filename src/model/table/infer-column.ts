import { parseNumber, parseTruth } from './cells.ts'
import { CATEGORIES_MAX, type ColumnFacts } from './column-facts.ts'
import type { ColumnKind, IgnoredReason, TableColumn } from './schema.ts'

/** Fewer rows do not show that a column is an id. */
const ID_ROWS_MIN = 30
const ID_DISTINCT_SHARE = 0.9
/** A column of numbers may hold this share of other texts, read as missing ("unknown", "-"). */
const STRAY_SHARE_MAX = 0.01
const ID_NAME = /(^|[^a-z])(id|uuid|guid|key|index)$|[a-z]I[dD]$/i

/**
 * How a column is to be read, or why it is left out. `asked` overrules what its cells look like; a
 * column that is empty or constant is left out even so.
 */
export function inferColumn(facts: ColumnFacts, asked?: ColumnKind): TableColumn | IgnoredReason {
  if (facts.present === 0) return 'empty'
  if (facts.texts.size === 1 && facts.present === facts.rows) return 'constant'
  const kind = asked ?? kindOf(facts)
  if (kind === 'number' || kind === 'time') {
    if (asked === undefined && kind === 'number' && isNumberedId(facts)) return 'id'
    const origin = kind === 'time' ? Math.floor(facts.firstDay) : 0
    return { name: facts.name, kind, categories: [], truth: false, origin }
  }
  if (kind !== 'category') return kind
  if (facts.overflowAt > 0) return 'text'
  const truth = facts.truths === facts.present && truthsOf(facts).every((text) => text !== '')
  const categories = truth ? truthsOf(facts) : sortedTexts(facts)
  return { name: facts.name, kind, categories, truth, origin: 0 }
}

/** Texts in the order of their codes: numbers by size, others by code point. */
export function sortedTexts(facts: ColumnFacts): string[] {
  const texts = [...facts.texts.keys()]
  if (facts.numbers === facts.present)
    return texts.sort((a, b) => Number(a) - Number(b) || order(a, b))
  return texts.sort(order)
}

/** The most frequent spelling of false and of true; '' where there is none. */
export function truthsOf(facts: ColumnFacts): [string, string] {
  const spelt: [string, string] = ['', '']
  const most = [0, 0]
  for (const [text, count] of facts.texts) {
    const truth = parseTruth(text)
    if (truth === -1 || count <= most[truth]) continue
    most[truth] = count
    spelt[truth] = text
  }
  return spelt
}

function kindOf(facts: ColumnFacts): ColumnKind | IgnoredReason {
  const { present, numbers, truths, times, padded } = facts
  if (times === present) return 'time'
  if (truths === present) return 'category'
  if (numbers === present && padded === 0) return 'number'
  if (padded === 0 && numbers >= present * (1 - STRAY_SHARE_MAX)) return 'number'
  if (present >= ID_ROWS_MIN && facts.distinctShare > ID_DISTINCT_SHARE) return 'id'
  return facts.texts.size > CATEGORIES_MAX ? 'text' : 'category'
}

/** Whole numbers that name rows: they only rise, or the column is named so and hardly repeats. */
function isNumberedId(facts: ColumnFacts): boolean {
  if (facts.present < ID_ROWS_MIN || facts.wholes < facts.present) return false
  if (facts.isRising) return true
  return ID_NAME.test(facts.name) && facts.distinctShare > ID_DISTINCT_SHARE
}

function order(a: string, b: string): number {
  const [x, y] = [parseNumber(a), parseNumber(b)]
  if (x === x && y === y && x !== y) return x - y
  return a < b ? -1 : a > b ? 1 : 0
}
