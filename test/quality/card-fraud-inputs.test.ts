import { expect, test } from 'vitest'
import { cardInputs, DELAY_DAYS } from '../../quality/card-fraud-inputs.ts'
import type { CardTransactions } from '../../quality/card-transactions.ts'
import { Random } from '../../src/model/random.ts'

const DAY_SECONDS = 86_400
const COUNT = 600

test('windows count what a plain reading of their definition counts', () => {
  const made = makeTransactions()
  const frame = cardInputs(made)
  const inputOf = (name: string): Float32Array => {
    const column = frame.columns.find((one) => one.name === name)
    return column !== undefined && 'numbers' in column ? column.numbers : new Float32Array(0)
  }
  const { time, customer, terminal, amount, fraud } = made
  for (const days of [1, 7, 30]) {
    for (let i = 0; i < COUNT; i++) {
      const within = (j: number, delay: number): boolean => {
        const age = (time[i] - time[j]) / DAY_SECONDS - delay
        return age >= 0 && age < days
      }
      const own = rowsWhere((j) => j <= i && customer[j] === customer[i] && within(j, 0))
      expect(inputOf(`customer count ${days} days`)[i]).toBe(own.length)
      const mean = own.reduce((sum, j) => sum + amount[j], 0) / own.length
      expect(inputOf(`customer mean amount ${days} days`)[i]).toBeCloseTo(mean, 3)

      const seen = rowsWhere((j) => terminal[j] === terminal[i] && within(j, DELAY_DAYS))
      const risk = seen.reduce((sum, j) => sum + fraud[j], 0) / Math.max(1, seen.length)
      expect(inputOf(`terminal count ${days} days`)[i]).toBe(seen.length)
      expect(inputOf(`terminal risk ${days} days`)[i]).toBeCloseTo(risk, 6)
    }
  }
})

function rowsWhere(holds: (row: number) => boolean): number[] {
  return Array.from({ length: COUNT }, (_, row) => row).filter(holds)
}

function makeTransactions(): CardTransactions {
  const random = new Random(1)
  const whole = (below: number): number => Math.floor(random.next() * below)
  const time = Float64Array.from({ length: COUNT }, () => 1.53e9 + whole(40 * DAY_SECONDS)).sort()
  const first = Math.floor(time[0] / DAY_SECONDS)
  return {
    count: COUNT,
    time,
    customer: Uint32Array.from(time, () => whole(8)),
    terminal: Uint32Array.from(time, () => whole(5)),
    amount: Float32Array.from(time, () => 1 + whole(20_000) / 100),
    fraud: Uint8Array.from(time, () => Number(random.next() < 0.1)),
    day: Uint32Array.from(time, (at) => Math.floor(at / DAY_SECONDS) - first),
  }
}
