import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { open } from 'lmdb'
import type { Database, RootDatabase } from 'lmdb'
import { expect, test } from 'vitest'
import { structureFault } from '../../src/journal/structure.ts'
import { withDirectory } from './records.ts'

const PAGE_BYTES = 4096

interface Tables {
  readonly root: RootDatabase<Uint8Array, string>
  readonly tables: readonly Database<Uint8Array, number>[]
}

function openTables(path: string): Tables {
  const root = open<Uint8Array, string>({
    path,
    maxDbs: 8,
    encoding: 'binary',
    overlappingSync: false,
    eventTurnBatching: false,
    noMemInit: true,
  })
  const tables = ['a', 'b'].map((name) =>
    root.openDB<Uint8Array, number>({ name, encoding: 'binary' }),
  )
  return { root, tables }
}

interface Change {
  readonly table: number
  readonly key: number
  readonly count: number
  /** Of the values; -1 removes them. */
  readonly bytes: number
}

const KEYS = 400
const change: fc.Arbitrary<Change> = fc.record({
  table: fc.nat({ max: 1 }),
  key: fc.nat({ max: KEYS }),
  count: fc.integer({ min: 1, max: 60 }),
  bytes: fc.constantFrom(-1, 0, 20, 900, 3_000, 70_000),
})
const transaction = fc.array(change, { minLength: 1, maxLength: 5 })

async function apply({ root, tables }: Tables, changes: readonly Change[]): Promise<void> {
  await root.batch(() => {
    for (const { table, key, count, bytes } of changes) {
      const value = bytes < 0 ? null : new Uint8Array(bytes).fill(key)
      for (let i = key; i < key + count; i++) {
        const done = value === null ? tables[table]?.remove(i) : tables[table]?.put(i, value)
        done?.catch(() => undefined)
      }
    }
  })
}

test('a file that LMDB wrote is sound, whatever was put, overwritten and removed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(transaction, { minLength: 1, maxLength: 25 }), (transactions) =>
      withDirectory(async (path) => {
        let opened = openTables(path)
        for (const [i, changes] of transactions.entries()) {
          await apply(opened, changes)
          // Read while it is open, as a command beside a server does.
          expect(structureFault(join(path, 'data.mdb'), { overflow: true })).toBeNull()
          if (i % 10 !== 9) continue
          await opened.root.close()
          opened = openTables(path)
        }
        await opened.root.close()
      }),
    ),
    { numRuns: 25 },
  )
})

test('every page that a tree needs is looked at', () =>
  withDirectory(async (path) => {
    const opened = openTables(path)
    for (let i = 0; i < 30; i++) {
      await apply(opened, [
        { table: i % 2, key: i * 13, count: 40, bytes: i % 3 === 0 ? 5_000 : 500 },
      ])
    }
    await opened.root.close()
    const file = join(path, 'data.mdb')
    const spoilt = join(path, 'spoilt.mdb')
    const sound = readFileSync(file)
    const faults = new Set<string>()
    let found = 0
    for (let at = 2 * PAGE_BYTES; at < sound.length; at += PAGE_BYTES) {
      copyFileSync(file, spoilt)
      const bytes = Buffer.from(sound).fill(0, at, at + PAGE_BYTES)
      writeFileSync(spoilt, bytes)
      const fault = structureFault(spoilt, { overflow: true })
      if (fault === null) continue
      found++
      faults.add(fault.replaceAll(/\d+/g, 'n'))
    }
    // Tables, free pages, and the leaves and long values of a and b; the rest are free or the
    // bytes of long values, which have checksums of their own.
    expect([...faults].sort()).toEqual([
      'is damaged at page n (a): found page number n and flags nxn',
      'is damaged at page n (b): found page number n and flags nxn',
      'is damaged at page n (free pages): found page number n and flags nxn',
      'is damaged at page n (tables): found page number n and flags nxn',
    ])
    expect(found).toBeGreaterThan(100)
  }))
