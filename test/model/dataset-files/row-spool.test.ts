import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { smallDisk } from '../../integration/small-disk.ts'
import { Random } from '../../../src/model/random.ts'
import { RowSpool } from '../../../src/model/dataset-files/row-spool.ts'
import { temporary } from './made-dataset.ts'

let made: ReturnType<typeof temporary>
beforeEach(() => {
  made = temporary()
})
afterEach(() => made.remove())

const large = fc.nat(Number.MAX_SAFE_INTEGER)

test('gives rows back in order, with the bits they had, over many blocks', () => {
  const anyRow = fc.record({
    moment: fc.record({ person: large, time: large, shard: fc.nat(65_535), sequence: large }),
    seed: fc.nat(1_000),
  })
  fc.assert(
    fc.property(
      fc.array(anyRow),
      fc.nat(70),
      fc.integer({ min: 1, max: 800 }),
      (given, width, times) => {
        const rows = Array.from({ length: times }, () => given).flat()
        const valueOf = (seed: number, i: number): number =>
          i % 5 === 4 ? Number.NaN : Math.sin(seed + i)
        const spool = new RowSpool({ directory: made.path, width, bufferBytes: 4_000 })
        try {
          for (const { moment, seed } of rows) {
            spool.add(moment, seed * 4_000_000, (out, offset) => {
              for (let i = 0; i < width; i++) out[offset + i] = valueOf(seed, i)
            })
          }
          expect(spool.count).toBe(rows.length)
          let at = 0
          for (const block of spool.blocks()) {
            for (let i = 0; i < block.count; i++) {
              const { moment, seed } = rows[at++]
              expect(block.moment(i)).toEqual(moment)
              const wanted = Float32Array.from({ length: width }, (_, j) => valueOf(seed, j))
              expect(Buffer.compare(bytesOf(block.features(i)), bytesOf(wanted))).toBe(0)
            }
          }
          expect(at).toBe(rows.length)
        } finally {
          spool.close()
        }
      },
    ),
    { numRuns: 15 },
  )
})

test('keeps at most so many rows, those with the lowest hashes, whatever their order', () => {
  const random = new Random(5)
  const hashes = Array.from({ length: 3_000 }, () => Math.floor(random.next() * 2 ** 32))
  const keptOf = (order: readonly number[]): number[] => {
    const spool = new RowSpool({ directory: made.path, width: 1, rowsMax: 400, bufferBytes: 1_000 })
    for (const hash of order) {
      const moment = { person: hash, time: 0, shard: 0, sequence: 0 }
      spool.add(moment, hash, (out, at) => out.fill(hash, at, at + 1))
    }
    const kept: number[] = []
    for (const block of spool.blocks()) {
      for (let i = 0; i < block.count; i++) {
        kept.push(block.moment(i).person)
        expect(block.features(i)[0]).toBe(Math.fround(block.moment(i).person))
      }
    }
    expect(kept).toHaveLength(spool.count)
    spool.close()
    return kept
  }
  const kept = keptOf(hashes)
  expect(kept.length).toBeGreaterThan(200)
  expect(kept.length).toBeLessThanOrEqual(400)
  const limit = 2 ** 32 / 8
  expect(kept).toEqual(hashes.filter((hash) => hash < limit))
  expect(keptOf([...hashes].reverse())).toEqual([...kept].reverse())
})

test('its file has no name, so that nothing is left however the process ends', () => {
  const spool = new RowSpool({ directory: made.path, width: 2 })
  spool.add({ person: 1, time: 2, shard: 3, sequence: 4 }, 0, (out, offset) => out.fill(1, offset))
  expect(readdirSync(made.path)).toEqual([])
  for (let reading = 0; reading < 2; reading++) {
    expect([...spool.blocks()].map(({ count }) => count)).toEqual([1])
  }
  expect(() =>
    spool.add({ person: 1, time: 2, shard: 3, sequence: 4 }, 0, () => undefined),
  ).toThrow('read')
  spool.close()
  spool.close()
})

test('a directory that is not there, and a full disk, have a code', (context) => {
  expect(() => new RowSpool({ directory: `${made.path}/none`, width: 1 })).toThrow(
    expect.objectContaining({ code: 'ERR_DATASET_SAVE', retryable: true }) as Error,
  )
  const disk = smallDisk(1)
  if (disk === null) return context.skip('mounting a tmpfs needs root')
  const spool = new RowSpool({ directory: disk.path, width: 1_000 })
  try {
    const fill = (): void => {
      for (let i = 0; i < 5_000; i++) {
        spool.add({ person: i, time: i, shard: 0, sequence: i }, i, () => undefined)
      }
    }
    expect(fill).toThrow(expect.objectContaining({ code: 'ERR_DATASET_SAVE' }) as Error)
  } finally {
    spool.close()
    disk.remove()
  }
})

function bytesOf(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
}
