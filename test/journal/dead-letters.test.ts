import { expect, test } from 'vitest'
import { openDeadLetters } from '../../src/journal/dead-letters.ts'
import { Model, events, openStore, withDirectory } from './records.ts'

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
    await store.append(new Model().encode(events(1)), 1).committed
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
