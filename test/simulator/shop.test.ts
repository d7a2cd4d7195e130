import { expect, test } from 'vitest'
import { Shop } from '../../src/simulator/shop.ts'

const DAY = 86_400_000
const startTime = Date.UTC(2026, 0, 1)

test('the same seed gives the same stream, in time order', () => {
  const a = new Shop({ seed: 7, shoppers: 50, startTime })
  const b = new Shop({ seed: 7, shoppers: 50, startTime })
  let last = startTime
  for (let i = 0; i < 2000; i++) {
    const event = a.next()
    expect(event).toEqual(b.next())
    expect(event.time).toBeGreaterThanOrEqual(last)
    last = event.time
  }
})

test('truth is calibrated against the orders that follow', () => {
  const shop = new Shop({ seed: 11, shoppers: 5000, startTime })
  const events = []
  for (let i = 0; i < 400_000; i++) events.push(shop.next())
  const end = events[events.length - 1].time
  const nextOrder = new Float64Array(5000).fill(Infinity)
  const count = new Float64Array(10)
  const sum = new Float64Array(10)
  const hits = new Float64Array(10)
  let loss = 0
  let entropy = 0
  for (let i = events.length - 1; i >= 0; i--) {
    const { time, shopper, truth, isOrder } = events[i]
    if (time < end - DAY) {
      const y = nextOrder[shopper] - time <= DAY ? 1 : 0
      const bucket = Math.min(9, Math.floor(truth * 10))
      count[bucket]++
      sum[bucket] += truth
      hits[bucket] += y
      loss -= Math.log(y === 1 ? truth : 1 - truth)
      entropy -= truth * Math.log(truth) + (1 - truth) * Math.log(1 - truth)
    }
    if (isOrder) nextOrder[shopper] = time
  }
  const report = Array.from(count, (n, i) => [n, sum[i] / n, hits[i] / n])
  const sampled = count.reduce((a, b) => a + b)
  const base = hits.reduce((a, b) => a + b) / sampled
  expect(base, `base rate ${base}`).toBeGreaterThan(0.05)
  expect(base).toBeLessThan(0.15)
  expect(Math.abs(loss / entropy - 1)).toBeLessThan(0.05)
  for (const [n, mean, observed] of report) {
    if (n > 500) expect(Math.abs(observed - mean)).toBeLessThan(0.04)
  }
})
