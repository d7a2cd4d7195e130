import type { CompiledDefinition } from './compile.ts'
import { featuresOf, writeFeatures } from './feature-vector.ts'
import type { Feature } from './feature-vector.ts'
import type { ProfileStore } from './store.ts'

/** Names of the features that are plain numbers: no categories and no steps of a sequence. */
export function numberFeatureNames(compiled: CompiledDefinition): string[] {
  return featuresOf(compiled)
    .filter(isPlainNumber)
    .map(({ name }) => name)
}

/**
 * `writeFeatures` for learners that take numbers only: a category's code says nothing as a number.
 * Writes the features of {@link numberFeatureNames}.
 */
export function writeNumberFeatures(
  store: ProfileStore,
  row: number,
  now: number,
  out: Float32Array,
  offset: number,
): void {
  const { all, places } = planOf(store.compiled)
  writeFeatures(store, row, now, all, 0)
  for (let i = 0; i < places.length; i++) out[offset + i] = all[places[i]]
}

interface Plan {
  readonly all: Float32Array
  /** Of the features that are plain numbers. */
  readonly places: Int32Array
}

const plans = new WeakMap<CompiledDefinition, Plan>()

function planOf(compiled: CompiledDefinition): Plan {
  const known = plans.get(compiled)
  if (known !== undefined) return known
  const features = featuresOf(compiled)
  const places = features.flatMap((feature, i) => (isPlainNumber(feature) ? [i] : []))
  const made = { all: new Float32Array(features.length), places: Int32Array.from(places) }
  plans.set(compiled, made)
  return made
}

function isPlainNumber({ kind, step }: Feature): boolean {
  return kind === 'number' && step === null
}
