import { KEY_KIND } from '../event/record.ts'
import type { TraitShape } from './compile.ts'
import { evaluatorOf } from './evaluator.ts'
import { JsonBytes, fragment } from './json-bytes.ts'
import { FIELD, NAME_FORMS, profileForm } from './profile-form.ts'
import type { FieldList, PartForm, ProfileForm } from './profile-form.ts'
import { idText } from './store.ts'
import type { ProfileStore } from './store.ts'
import { columnOf } from './layout.ts'
import { lookaheadOf } from './lookahead.ts'
import { traitValuesOf } from './trait-values.ts'
import type { TraitValues } from './trait-values.ts'

export type ReadScope = 'all' | 'traits' | 'segments' | 'machines'

/** What of a profile is written, as of when, and the position that the answer names. */
export interface ProfileRead {
  readonly row: number
  readonly now: number
  readonly position: string
  readonly scope: ReadScope
}

const OPEN_USER = fragment('{"id":"user:')
const OPEN_ANONYMOUS = fragment('{"id":"anonymous:')
const POSITION = fragment('","position":"')
const QUOTE = fragment('"')
const KIND_USER = fragment('","kind":"user","firstSeenAt":')
const KIND_ANONYMOUS = fragment('","kind":"anonymous","firstSeenAt":')
const LAST_SEEN = fragment(',"lastSeenAt":')
const TRAITS = fragment('","traits":{')
const MACHINES = fragment(',"machines":{')
const SEGMENTS = fragment(',"segments":[')
const GROUPS = fragment('"groups":')
const LINKS = fragment(',"links":')
const NO_LINKS = fragment(',"links":[]')
const TAG_VALUE = fragment('{"value":')
const TAG_WEIGHT = fragment(',"weight":')
const STEP_EVENT = fragment('{"event":')
const STEP_TIME = fragment(',"time":')
const STEP_VALUE = fragment(',"value":')
const COMMA = fragment(',')
const CLOSE = fragment('}')
const OPEN_LIST = fragment('[')
const CLOSE_LIST = fragment(']')

/** A profile as JSON text as of `now`, or a part of it. */
export function profileText(
  store: ProfileStore,
  row: number,
  now: number,
  position: string,
  scope: ReadScope = 'all',
): string {
  const out = new JsonBytes(4096)
  writeProfile(store, { row, now, position, scope }, out)
  return out.textFrom()
}

/**
 * Appends a profile, or a part of it, as JSON. This is the answer to a look-up: what is the same in
 * all profiles lies ready as bytes, and the numbers are read in one pass. It is the profile as timers
 * would have made it by `now`, whether they ran or not. The row is not changed.
 */
export function writeProfile(store: ProfileStore, read: ProfileRead, out: JsonBytes): void {
  const { row, now } = read
  if (store.nextDue(row) > now) writeAsItIs(store, read, out)
  else lookaheadOf(store).readAt(row, now, () => writeAsItIs(store, read, out))
}

function writeAsItIs(store: ProfileStore, read: ProfileRead, out: JsonBytes): void {
  const { row, now, position, scope } = read
  evaluatorOf(store).look(row, now)
  const form = profileForm(store.compiled)
  const anonymous = store.kindOf(row) === KEY_KIND.anonymous
  out.fragment(anonymous ? OPEN_ANONYMOUS : OPEN_USER)
  out.quotedBytes(store.keyBytes(row))
  out.fragment(POSITION)
  out.text(position)
  if (scope === 'all') {
    out.fragment(anonymous ? KIND_ANONYMOUS : KIND_USER)
    writeWhole(store, form, out)
  } else if (scope === 'traits') {
    out.fragment(TRAITS)
    writeFields(store, valuesNow(store), form.traits, out)
    out.fragment(CLOSE)
  } else {
    out.fragment(QUOTE)
    if (scope === 'segments') writeSegments(store, form, out)
    else writeMachines(store, form, out)
  }
  out.fragment(CLOSE)
}

function valuesNow(store: ProfileStore): TraitValues {
  const values = traitValuesOf(store)
  values.read()
  return values
}

function writeWhole(store: ProfileStore, form: ProfileForm, out: JsonBytes): void {
  const { columns } = store.compiled
  const { row, page, o8 } = store
  out.time(page.f64[o8 + columns.firstSeen.index])
  out.fragment(LAST_SEEN)
  // The clock also moves when something falls due, so it is no sign of life.
  const seen = page.f64[o8 + columns.sessionLast.index]
  out.time(seen > 0 ? seen : page.f64[o8 + columns.clock.index])
  const values = valuesNow(store)
  for (let i = 0; i < form.parts.length; i++) writePart(store, values, form.parts[i], out)
  writeMachines(store, form, out)
  writeSegments(store, form, out)
  writeLinks(store, row, out)
}

function writePart(store: ProfileStore, values: TraitValues, form: PartForm, out: JsonBytes): void {
  out.fragment(form.open)
  writeFields(store, values, form.fields, out)
  if (form.part === 'attributes') {
    const attributes = store.sideOf(store.row)?.attributes
    const text = attributes === undefined ? '' : JSON.stringify(attributes).slice(1, -1)
    if (text !== '') {
      if (form.fields.length > 0) out.fragment(COMMA)
      out.text(text)
    }
  } else if (form.part === 'social') {
    const groups = store.sideOf(store.row)?.groups
    if (groups !== undefined) {
      if (form.fields.length > 0) out.fragment(COMMA)
      out.fragment(GROUPS)
      out.text(JSON.stringify(groups))
    }
  }
  out.fragment(CLOSE)
}

function writeFields(
  store: ProfileStore,
  values: TraitValues,
  fields: FieldList,
  out: JsonBytes,
): void {
  const { kinds, sources, names, length } = fields
  const { numbers } = values
  for (let i = 0; i < length; i++) {
    const name = i * NAME_FORMS
    const source = sources[i]
    if (kinds[i] === FIELD.number) {
      const value = numbers[source]
      if (value === 0) out.fragmentOf(names, name + 1)
      else {
        out.fragmentOf(names, name)
        out.number(value)
      }
    } else if (kinds[i] === FIELD.text) {
      const id = store.page.u32[store.o4 + source]
      out.fragmentOf(names, id === 0 ? name + 2 : name)
      if (id !== 0) out.quoted(store.strings.text(id))
    } else {
      out.fragmentOf(names, name)
      const shape = store.compiled.traits[source]
      if (kinds[i] === FIELD.top) writeTags(store, values, shape, out)
      else writeRecent(store, shape, out)
    }
  }
}

/** A `top` trait's strings, heaviest first; of equal ones, the one in the earlier place. */
function writeTags(
  store: ProfileStore,
  values: TraitValues,
  shape: TraitShape,
  out: JsonBytes,
): void {
  const { page, o4 } = store
  const ids = o4 + columnOf(shape.a)
  const count = values.sortTags(shape)
  out.fragment(OPEN_LIST)
  for (let i = 0; i < count; i++) {
    if (i > 0) out.fragment(COMMA)
    out.fragment(TAG_VALUE)
    out.quoted(store.strings.text(page.u32[ids + values.tagPlaces[i]]))
    out.fragment(TAG_WEIGHT)
    out.number(values.tagWeights[i])
    out.fragment(CLOSE)
  }
  out.fragment(CLOSE_LIST)
}

/** A `recent` trait's events, newest last. */
function writeRecent(store: ProfileStore, shape: TraitShape, out: JsonBytes): void {
  const { page, o4, o1, strings } = store
  const events = o4 + columnOf(shape.a)
  const times = o4 + columnOf(shape.b)
  let place = page.u8[o1 + columnOf(shape.head)]
  let written = 0
  out.fragment(OPEN_LIST)
  for (let i = 0; i < shape.k; i++) {
    const seconds = page.u32[times + place]
    if (seconds > 0) {
      if (written++ > 0) out.fragment(COMMA)
      const event = page.u32[events + place]
      out.fragment(STEP_EVENT)
      if (event === 0) out.null()
      else out.quoted(strings.text(event))
      out.fragment(STEP_TIME)
      out.time(seconds * 1000)
      if (shape.c !== null) {
        out.fragment(STEP_VALUE)
        out.number(page.f32[o4 + shape.c.index + place])
      }
      out.fragment(CLOSE)
    }
    if (++place === shape.k) place = 0
  }
  out.fragment(CLOSE_LIST)
}

function writeMachines(store: ProfileStore, form: ProfileForm, out: JsonBytes): void {
  const states = store.o1 + store.compiled.columns.states.index
  out.fragment(MACHINES)
  for (let i = 0; i < form.machines.length; i++) {
    const names = form.machines[i]
    out.fragment(names[Math.min(store.page.u8[states + i], names.length - 1)])
  }
  out.fragment(CLOSE)
}

function writeSegments(store: ProfileStore, form: ProfileForm, out: JsonBytes): void {
  const { row } = store
  out.fragment(SEGMENTS)
  let first = true
  for (let i = 0; i < form.segments.length; i++) {
    if (!store.inSegment(row, i)) continue
    if (!first) out.fragment(COMMA)
    first = false
    out.fragment(form.segments[i])
  }
  out.fragment(CLOSE_LIST)
}

function writeLinks(store: ProfileStore, row: number, out: JsonBytes): void {
  const links = store.links(row)
  if (links.length === 0) return out.fragment(NO_LINKS)
  out.fragment(LINKS)
  out.text(
    JSON.stringify(
      links.map((link) => ({ id: idText(link), since: new Date(link.time).toISOString() })),
    ),
  )
}
