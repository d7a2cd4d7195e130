import { expect, test } from 'vitest'
import { parseKey } from '../../src/event/profile-key.ts'
import { RECORD_KIND, createRecordFields } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import { isNewSlice } from '../../src/identity/decide.ts'
import { importText, splitText } from '../../src/identity/notes.ts'
import { transition } from '../../src/identity/transition.ts'
import type { Identity } from '../../src/identity/transition.ts'

const NOBODY: Identity = { forward: null, links: [], pending: [], decided: -1, former: [] }
const DEVICE = 'anonymous:a1'

/** The identity of `user:u1` after one more of its records. */
function after(state: Identity, kind: number, name: string, message = ''): Identity {
  const fields = createRecordFields()
  Object.assign(fields, { kind, keyKind: 1, key: 'u1', name, message })
  const writer = new RecordWriter(1024)
  writer.append(fields)
  return transition(state, new RecordCursor().over(writer.take()).at(0), 7)[0]
}

function imported(state: Identity, source: string, slice: number, last: boolean): Identity {
  const message = importText({ source, slice, last, links: [], back: false })
  return after(state, RECORD_KIND.import, DEVICE, message)
}

function isNew(state: Identity, position: string, slice: number): boolean {
  return isNewSlice(state, parseKey(DEVICE), { position, slice, back: false })
}

test('a slice that is journalled is not new, the next one and a later command are', () => {
  const state = imported(NOBODY, '2:990', 0, false)
  expect(isNew(state, '2:990', 0)).toBe(false)
  expect(isNew(state, '2:990', 1)).toBe(true)
  expect(isNew(imported(state, '2:990', 1, true), '2:990', 1)).toBe(false)
  expect(isNew(state, '2:991', 0)).toBe(true)
  expect(isNew(state, '2:900', 3)).toBe(false)
})

test('a command that was not answered is known when its id was given back in between', () => {
  const origins = [DEVICE]
  const back = splitText({ source: '3:5', origins, to: '' })
  let state = after(imported(NOBODY, '2:990', 0, true), RECORD_KIND.split, DEVICE, back)
  expect(state.links).toEqual([])
  expect(isNew(state, '2:990', 0)).toBe(false)
  // An event of the id came before its next join.
  state = after(state, RECORD_KIND.linked, DEVICE)
  expect(isNew(state, '2:990', 0)).toBe(false)
  expect(isNew(state, '2:995', 0)).toBe(true)
  state = imported(state, '2:995', 0, true)
  expect(isNew(state, '2:995', 0)).toBe(false)
  expect(state.heard).toEqual([])
})
