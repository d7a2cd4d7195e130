import type { CompiledDefinition } from './compile.ts'
import { evaluatorOf } from './evaluator.ts'
import type { ProfileStore } from './store.ts'
import { readTopWeights } from './trait-programs.ts'

/** Session features, which every profile has. */
const SESSION_FEATURES = ['session.events', 'session.seconds'] as const

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
  const { traits, columns, machines } = store.compiled
  let at = offset
  for (let i = 0; i < traits.length; i++) {
    const { definition } = traits[i]
    if (definition.text === true) continue
    if (definition.op === 'top') {
      const { first, share } = readTopWeights(traits[i], context)
      out[at++] = first
      out[at++] = share
    } else {
      out[at++] = evaluator.readers[i]()
    }
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
