import { filesOf, readCsv } from './read-csv.ts'

const DAY_MS = 86_400_000

/** What one customer bought at one time. */
export interface Order {
  /** Days since 1970, with the time of day as a fraction. */
  readonly day: number
  spent: number
  items: number
  lines: number
  readonly products: Set<string>
}

export interface Cancellation {
  readonly day: number
  readonly value: number
}

export interface RetailCustomer {
  readonly orders: Order[]
  readonly cancellations: Cancellation[]
  readonly country: string
}

/**
 * Orders of known customers from invoice lines; an invoice that begins with C, or a negative
 * quantity, is a cancellation.
 */
export async function readRetailCustomers(folder: string): Promise<RetailCustomer[]> {
  const customers = new Map<string, RetailCustomer>()
  const orders = new Map<string, Order>()
  for (const path of await filesOf(folder, /^lines_.*\.csv\.gz$/)) {
    await readCsv(path, (row) => {
      const [quantity, price] = [Number(row.quantity), Number(row.price)]
      if (row.customer_id === '' || !(price > 0)) return
      const customer = customers.get(row.customer_id) ?? {
        orders: [],
        cancellations: [],
        country: row.country,
      }
      customers.set(row.customer_id, customer)
      const day = Date.parse(`${row.ts.replace(' ', 'T')}:00Z`) / DAY_MS
      if (row.invoice.startsWith('C') || quantity <= 0) {
        customer.cancellations.push({ day, value: Math.abs(quantity) * price })
        return
      }
      const key = `${row.customer_id} ${row.invoice}`
      let order = orders.get(key)
      if (order === undefined) {
        order = { day, spent: 0, items: 0, lines: 0, products: new Set() }
        orders.set(key, order)
        customer.orders.push(order)
      }
      order.spent += quantity * price
      order.items += quantity
      order.lines++
      order.products.add(row.stock_code)
    })
  }
  for (const customer of customers.values()) customer.orders.sort((a, b) => a.day - b.day)
  return [...customers.values()]
}
