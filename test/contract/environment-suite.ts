import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BinaryTable, Environment } from '../../src/journal/environment.ts'

/** What {@link environmentSuite} needs of an implementation. */
export interface EnvironmentMaker {
  /** Opens what the last one left behind; the first one is empty. */
  open(): Environment
  remove(): void
}

const KEYS = [0, 3, 7, 8, 20]

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** LMDB's fast reads are views whose `length` alone is right. */
function text(value: Uint8Array | undefined): string {
  return value === undefined ? '' : Buffer.from(value.subarray(0, value.length)).toString()
}

function keysOf(range: Iterable<number>): number[] {
  return [...range]
}

function entriesOf(table: BinaryTable, bounds?: Parameters<BinaryTable['getRange']>[0]): string[] {
  return [...table.getRange(bounds)].map(
    ({ key, value }) => `${key}=${Buffer.from(value).toString()}`,
  )
}

/** What the journal relies on of its environment, held by LMDB and by what simulates it. */
export function environmentSuite(name: string, make: () => EnvironmentMaker): void {
  describe(name, () => {
    let maker: EnvironmentMaker
    let environment: Environment

    beforeEach(async () => {
      maker = make()
      environment = maker.open()
      const { journal, root } = environment
      await root.batch(() => {
        for (const key of KEYS) void journal.put(key, bytes(`v${key}`))
      })
    })

    afterEach(async () => {
      await environment.root.close()
      maker.remove()
    })

    test('a committed value is read, another is not there', () => {
      const { journal } = environment
      expect(text(journal.get(7))).toBe('v7')
      expect(text(journal.getBinaryFast(8))).toBe('v8')
      expect(journal.get(9)).toBeUndefined()
    })

    test('ranges are in order of the keys, from start inclusive to end exclusive', () => {
      const { journal } = environment
      expect(entriesOf(journal)).toEqual(KEYS.map((key) => `${key}=v${key}`))
      expect(keysOf(journal.getKeys({ start: 7 }))).toEqual([7, 8, 20])
      expect(keysOf(journal.getKeys({ start: 4 }))).toEqual([7, 8, 20])
      expect(keysOf(journal.getKeys({ end: 8 }))).toEqual([0, 3, 7])
      expect(keysOf(journal.getKeys({ end: 9, limit: 2 }))).toEqual([0, 3])
      expect(keysOf(journal.getKeys({ start: 21 }))).toEqual([])
      expect(entriesOf(journal, { start: 3, limit: 1 })).toEqual(['3=v3'])
    })

    test('backwards: from the last key that is not above start', () => {
      const { journal } = environment
      const back = (start?: number, limit = 9): number[] =>
        keysOf(journal.getKeys({ ...(start === undefined ? {} : { start }), reverse: true, limit }))
      expect(back()).toEqual([20, 8, 7, 3, 0])
      expect(back(8)).toEqual([8, 7, 3, 0])
      expect(back(10, 1)).toEqual([8])
      expect(back(19, 2)).toEqual([8, 7])
      expect(back(99, 1)).toEqual([20])
      expect(back(0)).toEqual([0])
      expect(entriesOf(journal, { reverse: true, limit: 1 })).toEqual(['20=v20'])
    })

    test('numbers are ordered as numbers', async () => {
      const { dedupe, root } = environment
      const keys = [1_000_000, 2, 70_000, 300, 9]
      await root.batch(() => {
        for (const key of keys) void dedupe.put(key, bytes('x'))
      })
      expect(keysOf(dedupe.getKeys())).toEqual(keys.sort((a, b) => a - b))
    })

    test('what is asked for is not read before it is committed, then all of it is', async () => {
      const { journal, dedupe, root } = environment
      const committed = root.batch(() => {
        void journal.put(30, bytes('new'))
        void journal.put(7, bytes('changed'))
        void journal.remove(3)
        void dedupe.put(1, bytes('beside'))
      })
      await committed
      expect(entriesOf(journal, { start: 1 })).toEqual(['7=changed', '8=v8', '20=v20', '30=new'])
      expect(entriesOf(dedupe)).toEqual(['1=beside'])
    })

    test('transactions commit in the order of the calls', async () => {
      const { journal, root } = environment
      const order: number[] = []
      const commits = [1, 2, 3, 4].map(async (n) => {
        await root.batch(() => void journal.put(5, bytes(`w${n}`)))
        order.push(n)
      })
      await Promise.all(commits)
      expect(order).toEqual([1, 2, 3, 4])
      expect(entriesOf(journal, { start: 5, limit: 1 })).toEqual(['5=w4'])
    })

    test('writes by themselves, removals and clearing', async () => {
      const { deadLetters, pages } = environment
      await Promise.all([deadLetters.put(1, bytes('a')), deadLetters.put(2, bytes('b'))])
      await deadLetters.remove(1)
      expect(entriesOf(deadLetters)).toEqual(['2=b'])
      await pages.put(4, bytes('page'))
      await pages.clearAsync()
      expect(entriesOf(pages)).toEqual([])
    })

    test('texts', async () => {
      const { meta } = environment
      meta.putSync('shard', '{"a":1}')
      expect(meta.get('shard')).toBe('{"a":1}')
      await meta.put('checkpoint', 'x')
      await meta.remove('shard')
      expect([meta.get('shard'), meta.get('checkpoint')]).toEqual([undefined, 'x'])
    })

    test('what was flushed is there when it is opened again', async () => {
      const { journal, root } = environment
      let done = false
      const last = root.batch(() => void journal.put(40, bytes('late'))).then(() => (done = true))
      await root.flushed
      await last
      expect(done).toBe(true)
      await root.close()
      environment = maker.open()
      expect(entriesOf(environment.journal, { start: 20 })).toEqual(['20=v20', '40=late'])
    })
  })
}
