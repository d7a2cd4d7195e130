import type { CompiledDefinition } from './compile.ts'
import { evaluatorOf } from './evaluator.ts'
import type { ProfileStore } from './store.ts'
import { traitValuesOf } from './trait-values.ts'

/** Session features, which every profile has. */
const SESSION_FEATURES = ['session.events', 'session.seconds'] as const

/**
 * One number of a feature vector. A `category` is a text as its 24-bit code. `step` is set for
 * the parts of a sequence: which step of how many, the oldest first.
 */
export interface Feature {
  readonly name: string
  readonly kind: 'number' | 'category'
  readonly step: { readonly trait: string; readonly at: number; readonly of: number } | null
}

/** The features of a definition, in the order in which {@link writeFeatures} writes them. */
export function featuresOf(compiled: CompiledDefinition): Feature[] {
  return featureNames(compiled).map((name) => ({ name, kind: 'number', step: null }))
}

/**
 * Names of the features, in order: numeric traits, a `top` trait's heaviest weight and its share, the
 * open session, and one flag for each state of each machine.
 */
export function featureNames(compiled: CompiledDefinition): string[] {
  const traits = compiled.traits.flatMap(({ name, definition }) => {
    if (definition.text === true) return []
    return definition.op === 'top' ? [`${name}.weight`, `${name}.share`] : [name]
  })
  const states = compiled.machines.flatMap(({ id, stateNames }) =>
    stateNames.map((s) => `machine.${id}.${s}`),
  )
  return [...traits, ...SESSION_FEATURES, ...states]
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
  const values = traitValuesOf(store)
  values.read()
  const { numbers, shares } = values
  const { columns, machines } = store.compiled
  const plan = planOf(store.compiled)
  let at = offset
  for (let i = 0; i < plan.length; i++) {
    const trait = plan[i]
    out[at++] = trait >= 0 ? numbers[trait] : shares[~trait]
  }
  const { page, o8, o4, o1 } = store
  const start = page.f64[o8 + columns.sessionStart.index]
  out[at++] = start > 0 ? page.u32[o4 + columns.sessionEvents.index] : 0
  out[at++] = start > 0 ? (context.now - start) / 1000 : 0
  for (let m = 0; m < machines.length; m++) {
    const state = page.u8[o1 + columns.states.index + m]
    for (let s = 0; s < machines[m].stateNames.length; s++) out[at++] = s === state ? 1 : 0
  }
}

const plans = new WeakMap<CompiledDefinition, Int32Array>()

/** Where each of the traits' features comes from: a trait's number, or `~trait` for its share. */
function planOf(compiled: CompiledDefinition): Int32Array {
  const known = plans.get(compiled)
  if (known !== undefined) return known
  const plan = compiled.traits.flatMap(({ index, definition }) => {
    if (definition.text === true) return []
    return definition.op === 'top' ? [index, ~index] : [index]
  })
  const made = Int32Array.from(plan)
  plans.set(compiled, made)
  return made
}
