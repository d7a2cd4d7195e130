import { expect, test } from 'vitest'
import { openDeadLetters } from '../../src/journal/dead-letters.ts'
import { ShardStore } from '../../src/journal/shard-store.ts'
import { Model, OPTIONS, events, openStore, withDirectory } from './records.ts'

const letter = (n: number) => ({
  code: 'ERR_EVENT_KEY',
  reason: `no key ${n}`,
  receivedAt: n,
  route: 'batch',
  original: '{"a":1}',
})

test('the newest stay within the limit, also when all come in one turn', () =>
  withDirectory(async (path) => {
    let store = openStore(path)
    for (let i = 0; i < 35; i++) store.putDeadLetter(letter(i))
    expect(store.deadLetterCount).toBe(10)
    await store.append(new Model().encode(events(1)), 1, Date.now()).committed
    // Read beside the open store, as the command does.
    const listed = openDeadLetters(path, { limit: 100 })
    expect(listed.map(({ receivedAt }) => receivedAt)).toEqual([
      34, 33, 32, 31, 30, 29, 28, 27, 26, 25,
    ])
    await store.removeDeadLetter(listed[3].id)
    await store.removeDeadLetter(listed[3].id)
    await store.removeDeadLetter(12_345)
    expect(store.deadLetterCount).toBe(9)
    await store.close()
    store = openStore(path)
    expect(store.deadLetterCount).toBe(9)
    for (let i = 35; i < 40; i++) store.putDeadLetter(letter(i))
    await store.close()
    const after = openDeadLetters(path, { limit: 100 }).map(({ receivedAt }) => receivedAt)
    expect(after).toEqual([39, 38, 37, 36, 35, 34, 33, 32, 30, 29])
  }))

/** A letter that is stored in this many bytes. */
function sized(n: number, bytes: number): ReturnType<typeof letter> {
  const empty = JSON.stringify({ ...letter(n), original: '' }).length
  return { ...letter(n), original: 'x'.repeat(bytes - empty) }
}

test('bytes are bounded too, and counted anew at the start', () =>
  withDirectory(async (path) => {
    const open = (bytesMax: number): ShardStore =>
      ShardStore.open(path, { ...OPTIONS, deadLettersBytesMax: bytesMax })
    const kept = (): number[] =>
      openDeadLetters(path, { limit: 100 }).map(({ receivedAt }) => receivedAt)
    let store = open(1000)
    for (let i = 0; i < 5; i++) store.putDeadLetter(sized(i, 300))
    expect([store.deadLetterCount, store.deadLetterBytes]).toEqual([3, 900])
    store.putDeadLetter(sized(5, 1001)) // larger than all together may be
    store.putDeadLetter(sized(6, 700))
    expect([store.deadLetterCount, store.deadLetterBytes]).toEqual([2, 1000])
    expect(store.deadLettersDropped).toBe(5)
    await store.close()
    expect(kept()).toEqual([6, 4])

    store = open(1000)
    expect([store.deadLetterCount, store.deadLetterBytes]).toEqual([2, 1000])
    const [newest] = openDeadLetters(path, { limit: 1 })
    await store.removeDeadLetter(newest?.id ?? -1)
    expect(store.deadLetterBytes).toBe(300)
    store.putDeadLetter(sized(7, 700))
    await store.close()
    expect(kept()).toEqual([7, 4])

    store = open(700)
    expect([store.deadLetterCount, store.deadLetterBytes]).toEqual([1, 700])
    await store.close()
    expect(kept()).toEqual([7])
  }))
