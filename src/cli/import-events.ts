import { createHash } from 'node:crypto'
import { PRODUCTS_MAX } from '../event/limits.ts'
import type { CsvRow } from './import-csv.ts'
import type { EventRule, ImportMap } from './map-file.ts'
import type { ImportItem } from './import-source.ts'

/** Most groups that wait for further rows; beyond it the oldest is complete. */
const OPEN_GROUPS_MAX = 10_000
/** Sums of prices are rounded to this many parts of one, which hides binary fractions. */
const SUM_PARTS = 1e6
/** Days that a Date can hold, on either side of 1970. */
const TIME_MAX_MS = 8.64e15

interface EventDraft {
  readonly rule: EventRule
  readonly line: number
  readonly time: number
  readonly message: Record<string, unknown>
  readonly properties: Record<string, unknown>
  readonly sums: number[]
  readonly products: unknown[]
}

interface OpenGroup {
  readonly key: string
  readonly draft: EventDraft
  lastRow: number
}

/**
 * Makes Segment messages of rows by a map. Events leave in the order of their first rows, or, where
 * the map says `sort_within`, by time. The message id depends on the file's name (without `.gz`)
 * and the event's first line alone, so that a second import of the file is recognised.
 */
export class EventBuilder {
  rowsSkipped = 0
  private readonly map: ImportMap
  private readonly fileName: string
  private rows = 0
  private readonly groups = new Map<string, OpenGroup>()
  private readonly held: TimeHeap | null

  constructor(map: ImportMap, fileName: string) {
    this.map = map
    this.fileName = fileName.replace(/\.gz$/, '')
    this.held = map.sortWithin === 0 ? null : new TimeHeap(map.sortWithin)
  }

  /** Takes the next row; appends what has become complete, and what is wrong with the row. */
  push(row: CsvRow, items: ImportItem[]): void {
    const { map } = this
    this.rows++
    map.row.cells = row.cells
    if (map.skip()) {
      this.rowsSkipped++
      return
    }
    const { group } = map
    const key = group === null ? '' : group.key()
    const open = group === null ? undefined : this.groups.get(key)
    if (open !== undefined) {
      open.lastRow = this.rows
      if (!this.addRow(open.draft)) items.push(this.sumFault(open.draft.rule, row))
    } else this.start(row, key, items)
    if (group !== null) this.closeGroups(group.within, items)
  }

  finish(items: ImportItem[]): void {
    for (const { draft } of this.groups.values()) this.emit(draft, items)
    this.groups.clear()
    if (this.held === null) return
    for (let draft = this.held.pop(); draft !== null; draft = this.held.pop()) {
      items.push({ message: draft.message })
    }
  }

  private start(row: CsvRow, key: string, items: ImportItem[]): void {
    const { map } = this
    const rule = map.rules.find((candidate) => candidate.when())
    if (rule === undefined) {
      this.rowsSkipped++
      return
    }
    const userId = map.user()
    const anonymousId = map.anonymous()
    if (userId === '' && anonymousId === '') {
      items.push(fault(row, 'ERR_IMPORT_ID', 'has neither user nor anonymous id'))
      return
    }
    const time = this.timeOf()
    if (Number.isNaN(time)) {
      const reason = `has no time that the map reads: "${map.time.read()}"`
      items.push(fault(row, 'ERR_IMPORT_TIME', reason))
      return
    }
    const draft = this.draft(rule, row.line, time, { userId, anonymousId })
    if (!this.addRow(draft)) items.push(this.sumFault(rule, row))
    else if (map.group === null) this.emit(draft, items)
    else this.groups.set(key, { key, draft, lastRow: this.rows })
  }

  private draft(
    rule: EventRule,
    line: number,
    time: number,
    ids: { userId: string; anonymousId: string },
  ): EventDraft {
    const properties: Record<string, unknown> = {}
    for (const [name, read] of rule.properties) {
      const value = read()
      if (value !== undefined) properties[name] = value
    }
    const message: Record<string, unknown> = {
      type: 'track',
      event: rule.event(),
      messageId: messageIdOf(this.fileName, line),
      timestamp: new Date(time).toISOString(),
    }
    if (ids.userId !== '') message.userId = ids.userId
    if (ids.anonymousId !== '') message.anonymousId = ids.anonymousId
    message.properties = properties
    const context = this.map.context()
    if (context !== undefined) message.context = context
    const sums = rule.sums.map(() => 0)
    return { rule, line, time, message, properties, sums, products: [] }
  }

  /** Adds the row at hand to an event; false, and nothing is added, where a sum has no number. */
  private addRow(draft: EventDraft): boolean {
    const { rule, sums, products } = draft
    const terms: number[] = []
    for (const { evaluate } of rule.sums) {
      const term = evaluate()
      if (typeof term !== 'number') return false
      terms.push(term)
    }
    for (let i = 0; i < terms.length; i++) sums[i] += terms[i]
    const product = products.length < PRODUCTS_MAX ? rule.product?.() : undefined
    if (product !== undefined) products.push(product)
    return true
  }

  private sumFault(rule: EventRule, row: CsvRow): ImportItem {
    const wrong = rule.sums.find(({ evaluate }) => typeof evaluate() !== 'number')
    const reason = `${wrong?.name} has no number: ${wrong?.shown}`
    return fault(row, 'ERR_IMPORT_VALUE', reason)
  }

  private timeOf(): number {
    const { time, plusSeconds } = this.map
    const start = time.parse(time.read())
    const plus = plusSeconds === null ? 0 : plusSeconds()
    const sum = typeof plus === 'number' ? Math.round(start + plus * 1000) : Number.NaN
    return Math.abs(sum) <= TIME_MAX_MS ? sum : Number.NaN
  }

  /** Groups are in the order of their first rows. */
  private closeGroups(within: number, items: ImportItem[]): void {
    for (const group of this.groups.values()) {
      const waits = this.rows - group.lastRow < within
      if (waits && this.groups.size <= OPEN_GROUPS_MAX) return
      this.groups.delete(group.key)
      this.emit(group.draft, items)
    }
  }

  private emit(draft: EventDraft, items: ImportItem[]): void {
    draft.rule.sums.forEach(({ name }, i) => {
      draft.properties[name] = Math.round(draft.sums[i] * SUM_PARTS) / SUM_PARTS
    })
    if (draft.products.length > 0) draft.properties.products = draft.products
    const next = this.held === null ? draft : this.held.push(draft)
    if (next !== null) items.push({ message: next.message })
  }
}

function messageIdOf(fileName: string, line: number): string {
  const hash = createHash('sha256').update(`${fileName}:${line}`).digest('base64url')
  return `import-${hash.slice(0, 22)}`
}

function fault(row: CsvRow, code: string, reason: string): ImportItem {
  const { line, cells } = row
  return { reject: { line, code, reason: `line ${line}: ${reason}`, original: cells } }
}

/** Holds up to so many drafts and gives them back by time, then by line. */
class TimeHeap {
  private readonly capacity: number
  private readonly drafts: EventDraft[] = []

  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** Takes a draft; returns the earliest once there are more than the heap holds. */
  push(draft: EventDraft): EventDraft | null {
    const { drafts } = this
    let at = drafts.length
    drafts.push(draft)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(draft, drafts[parent])) break
      drafts[at] = drafts[parent]
      at = parent
    }
    drafts[at] = draft
    return drafts.length > this.capacity ? this.pop() : null
  }

  pop(): EventDraft | null {
    const { drafts } = this
    const last = drafts.pop()
    if (last === undefined) return null
    if (drafts.length === 0) return last
    const [first] = drafts
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= drafts.length) break
      if (child + 1 < drafts.length && isBefore(drafts[child + 1], drafts[child])) child++
      if (!isBefore(drafts[child], last)) break
      drafts[at] = drafts[child]
      at = child
    }
    drafts[at] = last
    return first
  }
}

function isBefore(a: EventDraft, b: EventDraft): boolean {
  return a.time < b.time || (a.time === b.time && a.line < b.line)
}
