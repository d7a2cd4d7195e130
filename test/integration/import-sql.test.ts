import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

/**
 * What `limn import` makes of order lines, against an independent computation: DuckDB's SQL over the
 * same file, per shopper and, by time travel, per shopper and day.
 */

const ROOT = resolve(import.meta.dirname, '../..')
const LIMN = join(ROOT, 'dist/src/cli/limn.js')
const CUSTOMERS = 40
const INVOICES = 400

const directory = temporaryDirectory()
const csv = join(directory.path, 'lines.csv')
const dataDir = join(directory.path, 'data')
let limn: RunningLimn
let connection: Awaited<ReturnType<DuckDBInstance['connect']>>

/** Order lines in the format of the public Online Retail II data; deterministic. */
function orderLines(): string {
  let state = 12345
  const next = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % n
  }
  const lines = ['invoice,stock_code,quantity,ts,price,customer_id,country']
  let minutes = 0
  for (let i = 0; i < INVOICES; i++) {
    minutes += next(240)
    const time = new Date(Date.UTC(2010, 0, 4, 8) + minutes * 60_000).toISOString()
    const ts = time.slice(0, 16).replace('T', ' ')
    const cancelled = next(10) === 0
    const customer = next(20) === 0 ? '' : String(12_000 + next(CUSTOMERS))
    const invoice = `${cancelled ? 'C' : ''}${500_000 + i}`
    for (let line = 0; line <= next(6); line++) {
      const quantity = (1 + next(12)) * (cancelled ? -1 : 1)
      const price = (next(2000) / 100 + 0.05).toFixed(2)
      lines.push(`${invoice},S${next(60)},${quantity},${ts},${price},${customer},United Kingdom`)
    }
  }
  return `${lines.join('\n')}\n`
}

beforeAll(async () => {
  writeFileSync(csv, orderLines())
  const map = join(ROOT, 'config/maps/online-retail.yaml')
  const output = execFileSync(
    process.execPath,
    [LIMN, 'import', csv, '--map', map, '--data', dataDir, '--json'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const report = JSON.parse(output) as { rejected: number; accepted: number; events: number }
  expect(report.rejected).toBe(0)
  expect(report.accepted).toBe(report.events)
  limn = await startLimn(dataDir)
  connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(`create view lines as select * from read_csv('${csv}', all_varchar = true)`)
  await connection.run(`create view sold as select customer_id, invoice, stock_code,
    cast(quantity as integer) as quantity, cast(price as double) as price, cast(ts as timestamp) as ts
    from lines where customer_id is not null and not starts_with(invoice, 'C')
    and cast(quantity as integer) > 0 and cast(price as double) > 0`)
})

afterAll(async () => {
  await limn.stop()
  directory.remove()
})

interface Totals {
  readonly customer: string
  readonly day: string
  readonly orders: number
  readonly revenue: number
  readonly items: number
  readonly lastOrder: number
}

async function totals(sql: string): Promise<Totals[]> {
  const rows = (await connection.runAndReadAll(sql)).getRowObjects()
  return rows.map((row) => ({
    customer: String(row.customer),
    day: String(row.day ?? ''),
    orders: Number(row.orders),
    revenue: Number(row.revenue),
    items: Number(row.items),
    lastOrder: Number(row.last_order),
  }))
}

async function traitsOf(customer: string, query = ''): Promise<Record<string, number>> {
  const { status, body } = await limn.get(`/v1/profiles/${customer}/traits${query}`)
  expect(status, customer).toBe(200)
  return body.traits as Record<string, number>
}

function compare(traits: Record<string, number>, sql: Totals, nowMs: number): void {
  const where = `${sql.customer} ${sql.day}`
  expect(traits.orders, where).toBe(sql.orders)
  expect(traits.spend, where).toBeCloseTo(sql.revenue, 6)
  expect(traits.products_bought, where).toBe(sql.items)
  expect(Math.abs(traits.seconds_since_order - (nowMs - sql.lastOrder) / 1000), where).toBeLessThan(
    60,
  )
}

test('totals per shopper', async () => {
  const rows = await totals(`select customer_id as customer, count(distinct invoice) as orders,
    sum(quantity * price) as revenue, count(distinct stock_code) as items,
    epoch_ms(max(ts)) as last_order from sold group by 1`)
  expect(rows.length).toBeGreaterThan(CUSTOMERS / 2)
  for (const row of rows) compare(await traitsOf(row.customer), row, Date.now())
})

test('totals per shopper at the end of each day, by time travel', async () => {
  const rows =
    await totals(`with days as (select distinct customer_id, cast(ts as date) as day from sold)
    select d.customer_id as customer, strftime(d.day, '%Y-%m-%d') as day,
    count(distinct s.invoice) as orders, sum(s.quantity * s.price) as revenue,
    count(distinct s.stock_code) as items, epoch_ms(max(s.ts)) as last_order
    from days d join sold s on s.customer_id = d.customer_id and cast(s.ts as date) <= d.day
    group by 1, 2`)
  expect(rows.length).toBeGreaterThan(100)
  for (const row of rows) {
    const at = `${row.day}T23:59:59.999Z`
    compare(await traitsOf(row.customer, `?at=${at}`), row, Date.parse(at))
  }
})
