import { PROFILE_PARTS } from '../../src/profile/definition.ts'
import type { ProfilePart } from '../../src/profile/definition.ts'
import { KEY_KIND } from '../../src/event/record.ts'
import type { CompiledDefinition, TraitShape } from '../../src/profile/compile.ts'
import { categoryCode } from '../../src/profile/category-code.ts'
import { evaluatorOf } from '../../src/profile/evaluator.ts'
import type { Evaluator } from '../../src/profile/evaluator.ts'
import { idText } from '../../src/profile/store.ts'
import type { ReadScope } from '../../src/profile/read.ts'
import type { ProfileStore } from '../../src/profile/store.ts'
import { readTags, readTopWeights } from '../../src/profile/tags.ts'

/**
 * What `profileText` writes, put together as strings from the evaluator's readers, a trait at a
 * time: the plain form that the bytes written for look-ups are compared with.
 */
export function referenceText(
  store: ProfileStore,
  row: number,
  now: number,
  position: string,
  scope: ReadScope = 'all',
): string {
  const evaluator = evaluatorOf(store)
  evaluator.look(row, now)
  const key = store.keyOf(row)
  const head = `"id":${JSON.stringify(idText(key))},"position":"${position}"`
  if (scope === 'traits')
    return `{${head},"traits":{${traitsText(evaluator, store, fields(store.compiled).all)}}}`
  if (scope === 'segments') return `{${head},"segments":${segmentsText(store, row)}}`
  if (scope === 'machines') return `{${head},"machines":${machinesText(store, row)}}`
  const { columns } = store.compiled
  const kind = key.kind === KEY_KIND.anonymous ? 'anonymous' : 'user'
  const first = timeText(store.page.f64[store.o8 + columns.firstSeen.index])
  // The clock also moves when something falls due, so it is no sign of life.
  const seen = store.page.f64[store.o8 + columns.sessionLast.index]
  const last = timeText(seen > 0 ? seen : store.clock(row))
  const parts = PROFILE_PARTS.map((part) => `"${part}":{${partText(evaluator, store, row, part)}}`)
  return `{${head},"kind":"${kind}","firstSeenAt":${first},"lastSeenAt":${last},${parts.join(',')},"machines":${machinesText(store, row)},"segments":${segmentsText(store, row)},"links":${linksText(store, row)}}`
}

/** A trait's place in the text: its quoted name, and how it is read. */
interface Field {
  readonly name: string
  readonly shape: TraitShape
}

interface Fields {
  readonly all: readonly Field[]
  readonly ofPart: ReadonlyMap<ProfilePart, readonly Field[]>
}

const fieldsOf = new WeakMap<CompiledDefinition, Fields>()

function fields(compiled: CompiledDefinition): Fields {
  const known = fieldsOf.get(compiled)
  if (known !== undefined) return known
  const all = compiled.traits.map((shape) => ({ name: `"${shape.name}":`, shape }))
  const ofPart = new Map(
    PROFILE_PARTS.map((part) => [part, all.filter((f) => f.shape.definition.part === part)]),
  )
  const made = { all, ofPart }
  fieldsOf.set(compiled, made)
  return made
}

function partText(
  evaluator: Evaluator,
  store: ProfileStore,
  row: number,
  part: ProfilePart,
): string {
  const own = traitsText(evaluator, store, fields(store.compiled).ofPart.get(part) ?? [])
  const side = store.sideOf(row)
  let extra = ''
  if (part === 'attributes' && side?.attributes !== undefined) {
    extra = JSON.stringify(side.attributes).slice(1, -1)
  } else if (part === 'social' && side?.groups !== undefined) {
    extra = `"groups":${JSON.stringify(side.groups)}`
  }
  return own === '' || extra === '' ? own + extra : `${own},${extra}`
}

function traitsText(evaluator: Evaluator, store: ProfileStore, taken: readonly Field[]): string {
  let text = ''
  for (let i = 0; i < taken.length; i++) {
    const { name, shape } = taken[i]
    if (i > 0) text += ','
    text += name
    text += valueText(evaluator, store, shape)
  }
  return text
}

function valueText(evaluator: Evaluator, store: ProfileStore, shape: TraitShape): string {
  const { op, text } = shape.definition
  if (op === 'top') {
    const tags = readTags(shape, evaluator.context)
    return `[${tags.map((tag) => `{"value":${JSON.stringify(tag.value)},"weight":${round(tag.weight)}}`).join(',')}]`
  }
  if (op === 'recent') {
    const steps = stepsOf(store, shape).filter(({ seconds }) => seconds > 0)
    const texts = steps.map(({ event, seconds, value }) => {
      const head = `"event":${JSON.stringify(event)},"time":${timeText(seconds * 1000)}`
      if (value === null) return `{${head}}`
      return `{${head},"value":${Number.isNaN(value) ? 'null' : String(round(value))}}`
    })
    return `[${texts.join(',')}]`
  }
  if (text === true) {
    const id = shape.a === null ? 0 : store.page.u32[store.o4 + shape.a.index]
    return id === 0 ? 'null' : JSON.stringify(store.strings.text(id))
  }
  const value = evaluator.readers[shape.index]()
  return Number.isFinite(value) ? String(round(value)) : 'null'
}

interface Step {
  readonly event: string
  /** 0 for a step that has not come yet. */
  readonly seconds: number
  /** null where the trait has no value. */
  readonly value: number | null
}

/** A `recent` trait's ring, oldest first. */
function stepsOf({ page, o4, o1, strings }: ProfileStore, shape: TraitShape): Step[] {
  const { a, b, c, head, k } = shape
  if (a === null || b === null || head === null) throw new Error(`${shape.name} has no ring`)
  return Array.from({ length: k }, (_, i) => {
    const place = (page.u8[o1 + head.index] + i) % k
    return {
      event: strings.text(page.u32[o4 + a.index + place]),
      seconds: page.u32[o4 + b.index + place],
      value: c === null ? null : page.f32[o4 + c.index + place],
    }
  })
}

/** Six significant decimals are more than any trait is worth; sums of money keep their cents. */
function round(value: number): number {
  return Number.isInteger(value) ? value : Math.round(value * 1e6) / 1e6
}

function machinesText(store: ProfileStore, row: number): string {
  store.at(row)
  const { machines, columns } = store.compiled
  const states = machines.map(({ id, stateNames, initial }, i) => {
    const state =
      stateNames[store.page.u8[store.o1 + columns.states.index + i]] ?? stateNames[initial]
    return `"${id}":${JSON.stringify(state)}`
  })
  return `{${states.join(',')}}`
}

function segmentsText(store: ProfileStore, row: number): string {
  const inside = store.compiled.segmentNames.filter((_, i) => store.inSegment(row, i))
  return JSON.stringify(inside)
}

function linksText(store: ProfileStore, row: number): string {
  const links = store.links(row)
  if (links.length === 0) return '[]'
  return JSON.stringify(
    links.map((link) => ({ id: idText(link), since: new Date(link.time).toISOString() })),
  )
}

function timeText(ms: number): string {
  return ms === 0 ? 'null' : `"${new Date(ms).toISOString()}"`
}

/** What `writeFeatures` writes, a trait at a time. */
export function referenceFeatures(store: ProfileStore, row: number, now: number): number[] {
  const evaluator = evaluatorOf(store)
  evaluator.look(row, now)
  const { context } = evaluator
  const { traits, columns, machines } = store.compiled
  const numbers = traits.flatMap((shape) => {
    if (shape.definition.text === true) {
      return [categoryCode(String(evaluator.traitGetter(shape)() ?? ''))]
    }
    if (shape.definition.op === 'recent') {
      return stepsOf(store, shape).flatMap(({ event, seconds, value }) => {
        const present = seconds > 0
        const step = present
          ? [categoryCode(event), context.now / 1000 - seconds]
          : [Number.NaN, Number.NaN]
        if (value === null) return step
        return [...step, present ? value : Number.NaN]
      })
    }
    if (shape.definition.op !== 'top') return [evaluator.readers[shape.index]()]
    const { first, share } = readTopWeights(shape, context)
    const [heaviest] = readTags(shape, context)
    return [first, share, (heaviest?.weight ?? 0) > 0 ? categoryCode(heaviest.value) : Number.NaN]
  })
  const { page, o8, o4, o1 } = store
  const start = page.f64[o8 + columns.sessionStart.index]
  const session =
    start > 0 ? [page.u32[o4 + columns.sessionEvents.index], (context.now - start) / 1000] : [0, 0]
  const states = machines.flatMap(({ stateNames }, m) =>
    stateNames.map((_, s) => (s === page.u8[o1 + columns.states.index + m] ? 1 : 0)),
  )
  return [...new Float32Array([...numbers, ...session, ...states])]
}
