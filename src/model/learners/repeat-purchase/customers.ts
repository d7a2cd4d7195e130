import { Random } from '../../random.ts'
import type { Examples } from '../learner.ts'
import { customerOf } from './customer.ts'

/** Beyond this, customers are drawn: more would tell the parameters little better. */
const CUSTOMERS_MAX = 30_000
export interface Customers {
  readonly x: Float64Array
  readonly recency: Float64Array
  readonly age: Float64Array
  /** How many customers are alike. */
  readonly weight: Float64Array
}

/** Customers who are alike are one with their weight; too many are drawn from. */
export function readCustomers(
  examples: Examples,
  columns: readonly number[],
  seed: number,
): Customers {
  const found = new Map<string, { x: number; recency: number; age: number; weight: number }>()
  for (const row of drawRows(examples.count, seed)) {
    const [x, recency, age] = columns.map((column) => examples.rows[row * examples.width + column])
    const one = customerOf(x, recency, age)
    const key = `${one.x} ${one.recency} ${one.age}`
    const weight = (examples.weights?.[row] ?? 1) + (found.get(key)?.weight ?? 0)
    found.set(key, { ...one, weight })
  }
  const all = [...found.values()]
  const scale = examples.count / Math.min(examples.count, CUSTOMERS_MAX)
  return {
    x: Float64Array.from(all, (one) => one.x),
    recency: Float64Array.from(all, (one) => one.recency),
    age: Float64Array.from(all, (one) => one.age),
    weight: Float64Array.from(all, (one) => one.weight * scale),
  }
}

function drawRows(count: number, seed: number): Uint32Array {
  const rows = Uint32Array.from({ length: count }, (_, row) => row)
  if (count <= CUSTOMERS_MAX) return rows
  new Random(seed).shuffle(rows)
  return rows.subarray(0, CUSTOMERS_MAX)
}

export function meanAge({ age, weight }: Customers): number {
  return weightedSum(age, weight) / weight.reduce((sum, one) => sum + one, 0) || 1
}

export function inUnit(customers: Customers, unit: number): Customers {
  const scaled = (times: Float64Array): Float64Array => times.map((time) => time / unit)
  return { ...customers, recency: scaled(customers.recency), age: scaled(customers.age) }
}

export function weightedSum(values: Float64Array, weight: Float64Array): number {
  return values.reduce((sum, value, i) => sum + value * weight[i], 0)
}
