import type { CompiledDefinition, TraitShape } from './compile.ts'
import { evaluatorOf } from './evaluator.ts'
import { columnOf } from './layout.ts'
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
 * (a `top` trait's heaviest weight, its share of all weights, and its text), the open session, and
 * one flag for each state of each machine.
 */
export function featuresOf(compiled: CompiledDefinition): Feature[] {
  const states = compiled.machines.flatMap(({ id, stateNames }) =>
    stateNames.map((state) => `machine.${id}.${state}`),
  )
  return [
    ...compiled.traits.flatMap((shape) => traitFeatures(shape).map(({ feature }) => feature)),
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
 * missing values are NaN. Training and serving call this and nothing else. The row is not changed.
 */
export function writeFeatures(
  store: ProfileStore,
  row: number,
  now: number,
  out: Float32Array,
  offset: number,
): void {
  const evaluator = evaluatorOf(store)
  evaluator.look(row, now)
  const { context } = evaluator
  const at = writeTraits(store, out, offset)
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

/** Where a trait's feature comes from. */
const SOURCE = { number: 0, share: 1, text: 2, first: 3 } as const

interface TraitFeature {
  readonly feature: Feature
  /** A {@link SOURCE}. */
  readonly source: number
  /** The trait's number; of a text, its column. */
  readonly from: number
}

function traitFeatures(shape: TraitShape): TraitFeature[] {
  const { name, index, definition } = shape
  const number = { feature: numberFeature(name), source: SOURCE.number, from: index }
  if (definition.text === true) {
    return [{ feature: category(name), source: SOURCE.text, from: columnOf(shape.a) }]
  }
  if (definition.op !== 'top') return [number]
  return [
    { ...number, feature: numberFeature(`${name}.weight`) },
    { feature: numberFeature(`${name}.share`), source: SOURCE.share, from: index },
    { feature: category(`${name}.first`), source: SOURCE.first, from: index },
  ]
}

function numberFeature(name: string): Feature {
  return { name, kind: 'number', step: null }
}

function category(name: string): Feature {
  return { name, kind: 'category', step: null }
}

/** Writes the traits' features of the row that the evaluator looks at; returns where they end. */
function writeTraits(store: ProfileStore, out: Float32Array, offset: number): number {
  const values = traitValuesOf(store)
  values.read()
  const { numbers, shares, firsts } = values
  const { strings, page, o4 } = store
  const { sources, froms } = planOf(store.compiled)
  let at = offset
  for (let i = 0; i < sources.length; i++) {
    const from = froms[i]
    const source = sources[i]
    if (source === SOURCE.number) out[at++] = numbers[from]
    else if (source === SOURCE.text) out[at++] = strings.code(page.u32[o4 + from])
    else if (source === SOURCE.share) out[at++] = shares[from]
    else out[at++] = strings.code(firsts[from])
  }
  return at
}

interface Plan {
  readonly sources: Uint8Array
  readonly froms: Int32Array
}

const plans = new WeakMap<CompiledDefinition, Plan>()

/** {@link traitFeatures} of all traits as numbers, made once. */
function planOf(compiled: CompiledDefinition): Plan {
  const known = plans.get(compiled)
  if (known !== undefined) return known
  const features = compiled.traits.flatMap(traitFeatures)
  const made = {
    sources: Uint8Array.from(features, ({ source }) => source),
    froms: Int32Array.from(features, ({ from }) => from),
  }
  plans.set(compiled, made)
  return made
}
