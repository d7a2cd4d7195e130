import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HashSets } from '../../src/profile/hash-sets.ts'

interface Kept {
  handle: number
  readonly members: Set<number>
}

function expectEqual(sets: HashSets, { handle, members }: Kept): void {
  const out = new Float64Array(members.size)
  if (members.size > 0) sets.copy(handle, members.size, out, 0)
  expect(new Set(out)).toEqual(members)
  for (const hash of members) expect(sets.has(handle, members.size, hash)).toBe(true)
}

const hash = fc.oneof(
  fc.integer({ min: 1, max: 60 }),
  fc.maxSafeInteger().map((value) => Math.max(1, Math.abs(value))),
  // Equal in the bits that choose a place.
  fc.integer({ min: 1, max: 200 }).map((high) => high * 2 ** 32 + 5),
)
const step = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.record({ set: fc.nat(4), hashes: fc.array(hash, { maxLength: 40 }) }),
  },
  { weight: 1, arbitrary: fc.record({ drop: fc.nat(4) }) },
)

test('many sets beside each other equal JavaScript sets', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const sets = new HashSets()
      const kept: Kept[] = Array.from({ length: 5 }, () => ({ handle: 0, members: new Set() }))
      for (const next of steps) {
        if ('drop' in next) {
          const { handle, members } = kept[next.drop]
          sets.drop(handle, members.size)
          kept[next.drop] = { handle: 0, members: new Set() }
          continue
        }
        const set = kept[next.set]
        for (const value of next.hashes) {
          const handle = sets.add(set.handle, set.members.size, value)
          expect(handle === 0).toBe(set.members.has(value))
          if (handle !== 0) set.handle = handle
          set.members.add(value)
        }
      }
      for (const set of kept) expectEqual(sets, set)
    }),
    { numRuns: 60 },
  )
})

test('a set made of its copy is the same set, at every size around the classes', () => {
  const sets = new HashSets()
  for (const size of [1, 4, 5, 8, 31, 32, 33, 48, 49, 96, 97, 4_096]) {
    const hashes = Float64Array.from({ length: size }, (_, i) => (i + 1) * 7_919)
    const handle = sets.create(hashes, 0, size)
    expectEqual(sets, { handle, members: new Set(hashes) })
    expect(sets.has(handle, size, 3)).toBe(false)
  }
})

test('blocks that were given back are used again', () => {
  const sets = new HashSets()
  const fill = (): void => {
    const handles = Array.from({ length: 5_000 }, () => {
      let handle = 0
      for (let size = 0; size < 40; size++) handle = sets.add(handle, size, size + 1) || handle
      return handle
    })
    for (const handle of handles) sets.drop(handle, 40)
  }
  fill()
  const { bytes } = sets
  for (let i = 0; i < 3; i++) fill()
  expect(sets.bytes).toBe(bytes)
})
