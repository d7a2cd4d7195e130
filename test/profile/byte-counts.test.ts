import { expect, test } from 'vitest'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import { evaluatorOf } from '../../src/profile/evaluator.ts'
import { Fold } from '../../src/profile/fold.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { recordOf } from './made-events.ts'

const START = Date.UTC(2026, 0, 5)
const HOUR = 3_600_000

const compiled = compileDefinition({
  traits: { events_1h: { part: 'behaviour', op: 'count', on: '*', window: '1h' } },
  segments: {},
  machines: {},
})

test('a bucket that is used again does not remember how far it was over', () => {
  const store = new ProfileStore(compiled)
  const fold = new Fold(compiled, store)
  const cursor = new RecordCursor()
  let row = -1
  const burst = (key: string, time: number, times: number): void => {
    cursor.over(recordOf({ key, type: 'track', name: 'Seen', time })).at(0)
    row = store.ensureRecord(cursor)
    for (let i = 0; i < times; i++) fold.apply(row, cursor)
  }
  const count = (time: number): number => {
    const evaluator = evaluatorOf(store)
    evaluator.look(row, time)
    return evaluator.readers[0]()
  }
  burst('other', START, 400)
  burst('one', START, 300)
  expect(count(START)).toBe(300)
  burst('one', START + HOUR, 256)
  expect(count(START + HOUR)).toBe(256)
  burst('one', START + 2 * HOUR, 255)
  expect(count(START + 2 * HOUR)).toBe(255)
  burst('one', START + 2 * HOUR, 70_000)
  expect(count(START + 2 * HOUR)).toBe(70_255)
  burst('other', START, 1)
  expect(count(START)).toBe(401)
})
