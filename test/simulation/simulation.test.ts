/** A small part of what `npm run test:simulation` runs, and that a seed always runs alike. */
import { expect, test } from 'vitest'
import { simulate } from './simulation.ts'

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1)

test('a seed runs alike each time', async () => {
  const runs = [
    await simulate({ seed: 5, operations: 300 }),
    await simulate({ seed: 5, operations: 300 }),
  ]
  expect(runs[0].hash).toBe(runs[1].hash)
  expect(runs[0]).toEqual(runs[1])
  expect((await simulate({ seed: 6, operations: 300 })).hash).not.toBe(runs[0].hash)
})

test('what is acknowledged is there once, through crashes and repeats', async () => {
  const without = ['identify', 'alias', 'alias of a device', 'import', 'failed commit'] as const
  for (const seed of SEEDS) {
    const only = [
      'starts',
      'buffers',
      'quiet',
      'acknowledged is durable',
      'acknowledged is present',
      'acknowledged is present once',
      'not acknowledged is present at most once',
      'live = recovered',
    ] as const
    const { broken } = await simulate({ seed, operations: 150, without, only })
    expect(broken, `seed ${seed}`).toEqual([])
  }
})

// Known faults: joins, renames, repeats after a login, late history.
test('no seed breaks a promise', async () => {
  for (const seed of SEEDS) {
    const { broken } = await simulate({ seed, operations: 150 })
    expect(broken, `seed ${seed}`).toEqual([])
  }
})
