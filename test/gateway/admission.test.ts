import { describe, expect, it } from 'vitest'
import { Admission, LANES } from '../../src/gateway/admission.ts'

describe('Admission', () => {
  it.each([2 ** 31 - 3, LANES - 3])('gives lanes that name a shard, on from %i', (last) => {
    const admission = new Admission(1, last)
    for (let i = 0; i < 10; i += 1) {
      const lane = admission.nextLane()
      for (const shards of [1, 2, 3, 64]) {
        expect(lane % shards).toBeGreaterThanOrEqual(0)
        expect(Number.isSafeInteger(lane)).toBe(true)
      }
    }
  })
})
