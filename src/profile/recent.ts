import { MESSAGE_TYPES } from '../event/record.ts'
import { eventNameOf } from '../event/vocabulary.ts'
import type { TraitShape } from './compile.ts'
import type { Context } from './context.ts'
import type { Interner } from './interner.ts'
import { columnOf } from './layout.ts'
import { SESSION_SIGNALS } from './machine.ts'

/**
 * Keeps the last `k` events in a ring: the number of the event's name, its time in whole seconds
 * since 1970 (0: the place is empty) and, with `value`, a number. The order is that of arrival, so a
 * late event is the newest step, with its own, older time. `value` gives NaN where there is none.
 */
export function recentUpdate(
  shape: TraitShape,
  context: Context,
  value: (() => number) | null,
): () => void {
  const { store } = context
  const { k } = shape
  const events = columnOf(shape.a)
  const times = columnOf(shape.b)
  const values = shape.c?.index ?? 0
  const head = columnOf(shape.head)
  const nameOf = nameReader(context, context.store.textField(shape))
  return () => {
    const name = nameOf()
    const { page, o4, o1 } = store
    const place = page.u8[o1 + head]
    page.u32[o4 + events + place] = name
    page.u32[o4 + times + place] = Math.max(1, Math.floor(context.time / 1000))
    if (value !== null) {
      const number = Math.fround(value())
      page.f32[o4 + values + place] = Number.isFinite(number) ? number : Number.NaN
    }
    page.u8[o1 + head] = place + 1 === k ? 0 : place + 1
  }
}

/**
 * Writes the steps of the row that the context looks at, oldest first, from `out[offset]` on: code
 * of the event's name, seconds from the event to now and, with `value`, the value. Where fewer than
 * `k` events came, the first steps are NaN. Returns where the steps end.
 */
export function writeSteps(
  shape: TraitShape,
  context: Context,
  out: Float32Array,
  offset: number,
): number {
  const { page, o4, o1, strings } = context.store
  const { k } = shape
  const events = o4 + columnOf(shape.a)
  const times = o4 + columnOf(shape.b)
  const values = shape.c === null ? -1 : o4 + shape.c.index
  const now = context.now / 1000
  let place = page.u8[o1 + columnOf(shape.head)]
  let at = offset
  for (let step = 0; step < k; step++) {
    const seconds = page.u32[times + place]
    const isEmpty = seconds === 0
    out[at++] = isEmpty ? Number.NaN : strings.code(page.u32[events + place])
    out[at++] = isEmpty ? Number.NaN : now - seconds
    if (values >= 0) out[at++] = isEmpty ? Number.NaN : page.f32[values + place]
    if (++place === k) place = 0
  }
  return at
}

/**
 * Gives the number of the name of what is at hand: of a track event its name, of another message its
 * type, of a session its signal. Numbers of names that everybody uses are looked up once.
 */
function nameReader(context: Context, field: number): () => number {
  const { strings } = context.store
  const byCode: number[] = []
  const byType: number[] = []
  return () => {
    const { signal, cursor } = context
    if (signal !== null) return numberOfSignal(strings, signal.name)
    const { type, eventCode } = cursor
    if (type !== TRACK) return (byType[type] ??= strings.pin(MESSAGE_TYPES[type]))
    if (eventCode > 0) return (byCode[eventCode] ??= strings.pin(eventNameOf(eventCode)))
    return strings.intern(cursor.bytes, cursor.messageIdEnd, cursor.nameEnd, field)
  }
}

/** Both signals are numbered together, so that who looks ahead to a session's end numbers nothing new. */
function numberOfSignal(strings: Interner, name: string): number {
  const numbers = SESSION_SIGNALS.map((signal) => strings.pin(signal))
  return numbers[SESSION_SIGNALS.findIndex((signal) => signal === name)]
}

const TRACK = MESSAGE_TYPES.indexOf('track')
