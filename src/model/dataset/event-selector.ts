import { MESSAGE_TYPES } from '../../event/record.ts'
import type { RecordCursor } from '../../event/record-cursor.ts'
import { eventCodeOf } from '../../event/vocabulary.ts'

const TRACK = MESSAGE_TYPES.indexOf('track')

/** Whether an event is one of these: event names, message types, or `*` for any. */
export function eventSelector(names: readonly string[]): (cursor: RecordCursor) => boolean {
  if (names.includes('*')) return () => true
  const types = new Set<number>()
  const codes = new Set<number>()
  const others = new Set<string>()
  for (const name of names) {
    const type = MESSAGE_TYPES.findIndex((known) => known === name)
    const code = eventCodeOf(name)
    if (type >= 0) types.add(type)
    else if (code > 0) codes.add(code)
    else others.add(name)
  }
  return (cursor) => {
    if (types.has(cursor.type)) return true
    if (cursor.type !== TRACK) return false
    if (cursor.eventCode > 0) return codes.has(cursor.eventCode)
    return others.size > 0 && others.has(cursor.name)
  }
}
