import type { Order, RetailCustomer } from './online-retail-orders.ts'

/** Customers as they were at a cut, and what they did in the days after it. */
export interface RetailRows {
  /** Which customer each row is of: the place among all. */
  readonly customers: readonly number[]
  readonly rows: readonly (readonly number[])[]
  readonly spent: Float32Array
  readonly returned: Uint8Array
}

const WINDOWS_DAYS = [30, 90, 180, 365]
const HALF_LIVES_DAYS = [30, 120]

/** The first three are those of the repeat-purchase models, in days. */
export const RETAIL_INPUTS: readonly string[] = [
  'frequency',
  'recency',
  'age',
  'days since last',
  'orders',
  'spent',
  'mean order',
  'last order',
  'largest order',
  'mean gap',
  'deviation of gaps',
  'last gap',
  'days since last, in mean gaps',
  'products',
  'products an order',
  'items an order',
  'lines an order',
  'mean price',
  'cancellations',
  'cancelled share',
  'from the United Kingdom',
  ...WINDOWS_DAYS.flatMap((days) => [`orders in ${days} days`, `spent in ${days} days`]),
  ...HALF_LIVES_DAYS.flatMap((days) => [
    `orders, half-life ${days} days`,
    `spent, half-life ${days} days`,
  ]),
]

/** The classic three: recency, frequency and monetary value. */
export const RFM_INPUTS: readonly string[] = ['days since last', 'orders', 'spent']

/** Every customer with an order before the cut. */
export function rowsAt(
  customers: readonly RetailCustomer[],
  cut: number,
  horizonDays: number,
): RetailRows {
  const places = [...customers.keys()].filter((i) => {
    return customers[i].orders.some(({ day }) => day < cut)
  })
  const known = places.map((i) => customers[i])
  const spent = Float32Array.from(known, ({ orders }) => {
    return sum(
      orders.filter(({ day }) => day >= cut && day < cut + horizonDays),
      spentOf,
    )
  })
  return {
    customers: places,
    rows: known.map((customer) => inputsAt(customer, cut)),
    spent,
    returned: Uint8Array.from(spent, (value) => Number(value > 0)),
  }
}

function inputsAt(customer: RetailCustomer, cut: number): number[] {
  const orders = customer.orders.filter(({ day }) => day < cut)
  const days = [...new Set(orders.map(({ day }) => Math.floor(day)))]
  const [first, last] = [days[0], days[days.length - 1]]
  const gaps = days.slice(1).map((day, i) => day - days[i])
  const meanGap = mean(gaps)
  const spent = sum(orders, spentOf)
  const items = sum(orders, ({ items }) => items)
  const products = new Set(orders.flatMap((order) => [...order.products]))
  const cancelled = customer.cancellations.filter(({ day }) => day < cut)
  const waited = cut - last
  return [
    days.length - 1,
    last - first,
    cut - first,
    waited,
    orders.length,
    spent,
    spent / orders.length,
    orders[orders.length - 1].spent,
    Math.max(...orders.map(spentOf)),
    meanGap,
    Math.sqrt(mean(gaps.map((gap) => (gap - meanGap) ** 2))),
    gaps[gaps.length - 1] ?? Number.NaN,
    waited / meanGap,
    products.size,
    products.size / orders.length,
    items / orders.length,
    sum(orders, ({ lines }) => lines) / orders.length,
    spent / items,
    cancelled.length,
    sum(cancelled, ({ value }) => value) / spent,
    Number(customer.country === 'United Kingdom'),
    ...WINDOWS_DAYS.flatMap((window) => {
      const recent = orders.filter(({ day }) => day >= cut - window)
      return [recent.length, sum(recent, spentOf)]
    }),
    ...HALF_LIVES_DAYS.flatMap((half) => {
      const weight = ({ day }: Order): number => 2 ** ((day - cut) / half)
      return [sum(orders, weight), sum(orders, (order) => weight(order) * order.spent)]
    }),
  ]
}

function spentOf({ spent }: Order): number {
  return spent
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0)
}

/** NaN of none. */
function mean(values: readonly number[]): number {
  return sum(values, (value) => value) / values.length
}
