import type { CompiledDefinition, TraitShape } from './compile.ts'
import type { Context } from './context.ts'
import { evaluatorOf } from './evaluator.ts'
import { columnOf } from './layout.ts'
import { lookaheadOf } from './lookahead.ts'
import { writeSteps } from './recent.ts'
import type { ProfileStore } from './store.ts'
import { traitValuesOf } from './trait-values.ts'

/**
 * One number of a feature vector. A `category` is a text as its 24-bit code (`categoryCode`). `step`
 * is set for the parts of a sequence: which step of how many, the oldest first.
 */
export interface Feature {
  readonly name: string
  readonly kind: 'number' | 'category'
  readonly step: { readonly trait: string; readonly at: number; readonly of: number } | null
}

/**
 * The features of a definition, in the order in which {@link writeFeatures} writes them: the traits
 * (a `top` trait's heaviest weight, its share of all weights, and its text; the steps of a `recent`
 * trait, oldest first, the newest always at the last), the open session, and one flag for each state
 * of each machine.
 */
export function featuresOf(compiled: CompiledDefinition): Feature[] {
  const states = compiled.machines.flatMap(({ id, stateNames }) =>
    stateNames.map((state) => `machine.${id}.${state}`),
  )
  return [
    ...compiled.traits.flatMap(traitFeatures),
    ...SESSION_FEATURES.map(numberFeature),
    ...states.map(numberFeature),
  ]
}

/** Names of {@link featuresOf}. */
export function featureNames(compiled: CompiledDefinition): string[] {
  return featuresOf(compiled).map(({ name }) => name)
}

/**
 * Writes a profile's feature vector as of `now` (or its clock, if later) to `out` from `offset` on;
 * missing values are NaN. Training and serving call this and nothing else. What falls due by `now` is
 * counted in, whether timers ran or not. The row is not changed.
 */
export function writeFeatures(
  store: ProfileStore,
  row: number,
  now: number,
  out: Float32Array,
  offset: number,
): void {
  if (store.nextDue(row) > now) writeAsItIs(store, row, now, out, offset)
  else lookaheadOf(store).readAt(row, now, () => writeAsItIs(store, row, now, out, offset))
}

function writeAsItIs(
  store: ProfileStore,
  row: number,
  now: number,
  out: Float32Array,
  offset: number,
): void {
  const evaluator = evaluatorOf(store)
  evaluator.look(row, now)
  const { context } = evaluator
  const at = writeTraits(store, context, out, offset)
  const { columns, machines } = store.compiled
  const { page, o8, o4, o1 } = store
  const start = page.f64[o8 + columns.sessionStart.index]
  out[at] = start > 0 ? page.u32[o4 + columns.sessionEvents.index] : 0
  out[at + 1] = start > 0 ? (context.now - start) / 1000 : 0
  let flag = at + SESSION_FEATURES.length
  for (let m = 0; m < machines.length; m++) {
    const state = page.u8[o1 + columns.states.index + m]
    for (let s = 0; s < machines[m].stateNames.length; s++) out[flag++] = s === state ? 1 : 0
  }
}

/** Session features, which every profile has. */
const SESSION_FEATURES = ['session.events', 'session.seconds'] as const

function traitFeatures({ name, definition, k }: TraitShape): Feature[] {
  if (definition.text === true) return [categoryFeature(name)]
  if (definition.op === 'recent') {
    const hasValue = definition.value !== undefined
    return Array.from({ length: k }, (_, at) =>
      stepFeatures({ trait: name, at, of: k }, hasValue),
    ).flat()
  }
  if (definition.op !== 'top') return [numberFeature(name)]
  return [
    numberFeature(`${name}.weight`),
    numberFeature(`${name}.share`),
    categoryFeature(`${name}.first`),
  ]
}

function stepFeatures(step: NonNullable<Feature['step']>, hasValue: boolean): Feature[] {
  const name = `${step.trait}.${step.at}`
  const features: Feature[] = [
    { name: `${name}.event`, kind: 'category', step },
    { name: `${name}.seconds`, kind: 'number', step },
  ]
  return hasValue ? [...features, { name: `${name}.value`, kind: 'number', step }] : features
}

function numberFeature(name: string): Feature {
  return { name, kind: 'number', step: null }
}

function categoryFeature(name: string): Feature {
  return { name, kind: 'category', step: null }
}

/** Writes the traits' features of the row that the evaluator looks at; returns where they end. */
function writeTraits(store: ProfileStore, context: Context, out: Float32Array, offset: number) {
  const values = traitValuesOf(store)
  values.read()
  const { numbers, shares, firsts } = values
  const { strings, page, o4, compiled } = store
  const { sources, froms } = planOf(compiled)
  let at = offset
  for (let i = 0; i < sources.length; i++) {
    const from = froms[i]
    const source = sources[i]
    if (source === SOURCE.number) out[at++] = numbers[from]
    else if (source === SOURCE.text) out[at++] = strings.code(page.u32[o4 + from])
    else if (source === SOURCE.top) {
      out[at] = numbers[from]
      out[at + 1] = shares[from]
      out[at + 2] = strings.code(firsts[from])
      at += 3
    } else at = writeSteps(compiled.traits[from], context, out, at)
  }
  return at
}

/** How a trait's features are written: those of {@link traitFeatures}. */
const SOURCE = { number: 0, text: 1, top: 2, recent: 3 } as const

interface Plan {
  /** By trait: a {@link SOURCE}. */
  readonly sources: Uint8Array
  /** By trait: its number; of a text, its column. */
  readonly froms: Uint32Array
}

const plans = new WeakMap<CompiledDefinition, Plan>()

/** The definition's plan, made once. */
function planOf(compiled: CompiledDefinition): Plan {
  const known = plans.get(compiled)
  if (known !== undefined) return known
  const { traits } = compiled
  const made = {
    sources: Uint8Array.from(traits, sourceOf),
    froms: Uint32Array.from(traits, (shape) =>
      sourceOf(shape) === SOURCE.text ? columnOf(shape.a) : shape.index,
    ),
  }
  plans.set(compiled, made)
  return made
}

function sourceOf({ definition: { op, text } }: TraitShape): number {
  if (text === true) return SOURCE.text
  if (op === 'recent') return SOURCE.recent
  return op === 'top' ? SOURCE.top : SOURCE.number
}
