import type { CardTransactions } from './card-transactions.ts'
import type { Column, Frame } from './frame.ts'

const DAY_SECONDS = 86_400
const WINDOWS_DAYS = [1, 7, 30]
/** A fraud is known so long after it happened. */
export const DELAY_DAYS = 7
const NIGHT_HOURS = 6
const SATURDAY = 6

/** Names of the inputs that the Handbook does not have. */
export const RATIO_INPUTS: readonly string[] = [
  'hour',
  'amount in customer means',
  'customer deviation of amounts',
  "terminal's mean amount 7 days",
  'seconds since last of customer',
]

/**
 * The inputs of the Fraud Detection Handbook (Le Borgne et al., 2022, chapter 3), and a few ratios.
 * Windows begin with the data; a terminal's risk is of transactions that are at least the delay old.
 */
export function cardInputs(transactions: CardTransactions): Frame {
  const { time, amount, count } = transactions
  const day = (i: number): number => (Math.floor(time[i] / DAY_SECONDS) + 4) % 7
  const columns: Column[] = [
    { name: 'amount', numbers: amount },
    column('weekend', count, (i) => Number(day(i) === 0 || day(i) === SATURDAY)),
    column('night', count, (i) => Number(hourOf(time[i]) <= NIGHT_HOURS)),
    column('hour', count, (i) => hourOf(time[i])),
    ...customerColumns(transactions),
    ...terminalColumns(transactions),
  ]
  return { count, columns }
}

function customerColumns({ time, amount, customer, count }: CardTransactions): Column[] {
  const columns: Column[] = []
  let month: Windowed | null = null
  for (const days of WINDOWS_DAYS) {
    const window = windowSums({ time, keys: customer, values: amount, days, delay: 0 })
    const mean = window.sums.map((sum, i) => sum / window.counts[i])
    columns.push({ name: `customer count ${days} days`, numbers: window.counts })
    columns.push({ name: `customer mean amount ${days} days`, numbers: mean })
    month = window
  }
  if (month === null) return columns
  const { sums, counts } = month
  const squares = windowSums({
    time,
    keys: customer,
    values: amount.map((value) => value * value),
    days: WINDOWS_DAYS[WINDOWS_DAYS.length - 1],
    delay: 0,
  }).sums
  const before = (i: number): number => (sums[i] - amount[i]) / (counts[i] - 1)
  const deviation = (i: number): number => {
    const mean = sums[i] / counts[i]
    return Math.sqrt(Math.max(0, squares[i] / counts[i] - mean * mean))
  }
  const lastOf = new Map<number, number>()
  const waited = Float32Array.from(time, (now, i) => {
    const last = lastOf.get(customer[i])
    lastOf.set(customer[i], now)
    return last === undefined ? Number.NaN : now - last
  })
  columns.push(
    column('amount in customer means', count, (i) => finite(amount[i] / before(i))),
    column('customer deviation of amounts', count, deviation),
    { name: 'seconds since last of customer', numbers: waited },
  )
  return columns
}

function terminalColumns({ time, amount, terminal, fraud, count }: CardTransactions): Column[] {
  const columns: Column[] = []
  for (const days of WINDOWS_DAYS) {
    const values = Float32Array.from(fraud)
    const window = windowSums({ time, keys: terminal, values, days, delay: DELAY_DAYS })
    const risk = window.sums.map((sum, i) => (window.counts[i] === 0 ? 0 : sum / window.counts[i]))
    columns.push({ name: `terminal count ${days} days`, numbers: window.counts })
    columns.push({ name: `terminal risk ${days} days`, numbers: risk })
  }
  const recent = windowSums({ time, keys: terminal, values: amount, days: 7, delay: 0 })
  const mean = (i: number): number => recent.sums[i] / recent.counts[i]
  columns.push(column("terminal's mean amount 7 days", count, mean))
  return columns
}

interface Windowed {
  readonly counts: Float32Array
  readonly sums: Float32Array
}

interface WindowOptions {
  /** Ascending. */
  readonly time: Float64Array
  readonly keys: Uint32Array
  readonly values: Float32Array
  readonly days: number
  readonly delay: number
}

/** For each row: the rows of its key, itself among them, in the window that ends `delay` days ago. */
function windowSums({ time, keys, values, days, delay }: WindowOptions): Windowed {
  const counts = new Float32Array(time.length)
  const sums = new Float32Array(time.length)
  for (const rows of rowsByKey(keys)) {
    let [from, to] = [0, 0]
    let sum = 0
    for (const row of rows) {
      const end = time[row] - delay * DAY_SECONDS
      while (to < rows.length && time[rows[to]] <= end) sum += values[rows[to++]]
      while (from < to && time[rows[from]] <= end - days * DAY_SECONDS) sum -= values[rows[from++]]
      counts[row] = to - from
      sums[row] = to === from ? 0 : sum
    }
  }
  return { counts, sums }
}

function rowsByKey(keys: Uint32Array): Iterable<number[]> {
  const rows = new Map<number, number[]>()
  keys.forEach((key, row) => {
    const list = rows.get(key)
    if (list === undefined) rows.set(key, [row])
    else list.push(row)
  })
  return rows.values()
}

function column(name: string, count: number, value: (i: number) => number): Column {
  return { name, numbers: Float32Array.from({ length: count }, (_, i) => value(i)) }
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : Number.NaN
}

function hourOf(time: number): number {
  return Math.floor((time % DAY_SECONDS) / 3600)
}
