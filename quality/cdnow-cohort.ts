import { readFile } from 'node:fs/promises'
import { frameOfRows } from './frame.ts'
import type { Frame } from './frame.ts'
import { filesOf } from './read-csv.ts'

const DAY_MS = 86_400_000
/** Last day that is known, in days since 1970. */
export const CALIBRATION_END = Date.UTC(1997, 8, 30) / DAY_MS
export const HORIZON_WEEKS = 39
const RECENCY_DECAY_DAYS = [30, 90]

const NAMES = [
  'frequency',
  'recency',
  'age',
  'weeks since last',
  'mean gap',
  'gap since last, in mean gaps',
  'disks',
  'dollars',
  'mean dollars',
  'first dollars',
  'largest dollars',
  'purchases, half-life 30 days',
  'purchases, half-life 90 days',
]

export interface Purchase {
  readonly day: number
  readonly disks: number
  readonly dollars: number
}

/** Customers as they are at the end of a day, and the days on which they buy in the weeks after it. */
export interface Cohort {
  readonly frame: Frame
  readonly actual: Float32Array
}

export function cohortAt(
  customers: readonly Purchase[][],
  end: number,
  horizonWeeks: number,
): Cohort {
  const last = end + horizonWeeks * 7
  const rows = customers.map((purchases) => inputsOf(purchases, end))
  const actual = Float32Array.from(customers, (purchases) => {
    return daysOf(purchases.filter(({ day }) => day > end && day <= last)).length
  })
  return { frame: frameOfRows(NAMES, rows), actual }
}

export async function readCustomers(folder: string): Promise<Purchase[][]> {
  const [path] = await filesOf(folder, /\.txt$/)
  const customers = new Map<string, Purchase[]>()
  for (const line of (await readFile(path, 'utf8')).split('\n')) {
    const [, customer, date, disks, dollars] = line.trim().split(/\s+/)
    if (dollars === undefined) continue
    const [year, month, day] = [date.slice(0, 4), date.slice(4, 6), date.slice(6)].map(Number)
    const purchases = customers.get(customer) ?? []
    customers.set(customer, purchases)
    purchases.push({
      day: Date.UTC(year, month - 1, day) / DAY_MS,
      disks: Number(disks),
      dollars: Number(dollars),
    })
  }
  return [...customers.values()].map((purchases) => purchases.sort((a, b) => a.day - b.day))
}

/** In the order of NAMES; times in weeks. */
function inputsOf(purchases: readonly Purchase[], end: number): number[] {
  const known = purchases.filter(({ day }) => day <= end)
  const days = daysOf(known)
  const [first, last] = [days[0], days[days.length - 1]]
  const frequency = days.length - 1
  const waited = end - last
  const gap = frequency === 0 ? Number.NaN : (last - first) / frequency
  const dollars = known.map((purchase) => purchase.dollars)
  const spent = dollars.reduce((sum, value) => sum + value, 0)
  const decayed = RECENCY_DECAY_DAYS.map((half) => {
    return days.reduce((sum, day) => sum + 2 ** ((day - end) / half), 0)
  })
  return [
    frequency,
    (last - first) / 7,
    (end - first) / 7,
    waited / 7,
    gap / 7,
    waited / gap,
    known.reduce((sum, { disks }) => sum + disks, 0),
    spent,
    spent / known.length,
    dollars[0],
    Math.max(...dollars),
    ...decayed,
  ]
}

function daysOf(purchases: readonly Purchase[]): number[] {
  return [...new Set(purchases.map(({ day }) => day))].sort((a, b) => a - b)
}
