import { describe, expect, test } from 'vitest'
import { closingRenames, heightsOf } from '../../src/identity/old-renames.ts'
import type { OldRename } from '../../src/identity/old-renames.ts'

function renames(...edges: [string, string, number, boolean?][]): Map<string, OldRename> {
  return new Map(
    edges.map(([from, to, time, arrived = false], shard) => {
      return [from, { from, to, time, arrived, shard, sequence: time }]
    }),
  )
}

const names = (found: readonly OldRename[]): string[] => found.map(({ from }) => from).sort()

describe('circles of renames', () => {
  test('a forest has none', () => {
    expect(closingRenames(renames(['a', 'b', 1], ['c', 'b', 2], ['b', 'd', 3]))).toEqual([])
  })

  test('of each the newest is undone, and what leads into it stays', () => {
    const all = renames(
      ['tail', 'a', 99],
      ['a', 'b', 1],
      ['b', 'a', 2],
      ['x', 'y', 7],
      ['y', 'z', 9],
      ['z', 'x', 8],
      ['self', 'self', 3],
    )
    expect(names(closingRenames(all))).toEqual(['b', 'self', 'y'])
  })

  test('one whose records have arrived was not the newest, whatever the clock said', () => {
    expect(names(closingRenames(renames(['a', 'b', 5, true], ['b', 'a', 1])))).toEqual(['b'])
  })

  test('of two at one instant the answer is always the same', () => {
    const two = renames(['a', 'b', 5], ['b', 'a', 5])
    const turned = new Map([...two].reverse())
    expect(closingRenames(turned)).toEqual(closingRenames(two))
  })

  test('what is left is a forest, and a hundred thousand in a row are one chain', () => {
    const row = Array.from({ length: 100_000 }, (_, i): [string, string, number] => {
      return [`u${i}`, `u${i + 1}`, i]
    })
    const all = renames(...row, ['u100000', 'u0', 100_000])
    expect(names(closingRenames(all))).toEqual(['u100000'])
    all.delete('u100000')
    expect(closingRenames(all)).toEqual([])
    expect(heightsOf(all).get('u100000')).toBe(100_000)
  })
})

test('heights are those of the highest branch', () => {
  const heights = heightsOf(renames(['a', 'b', 1], ['b', 'r', 2], ['c', 'r', 3]))
  expect(Object.fromEntries(heights)).toEqual({ b: 1, r: 2 })
})
