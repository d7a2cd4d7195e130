import type { CompiledDefinition, CompiledTrait } from './compile.ts'
import { readerOf } from './reader.ts'
import type { ProfileStore } from './store.ts'

/** Names in the order of {@link writeFeatures}; stable for a definition. */
export function featureNames(compiled: CompiledDefinition): string[] {
  const names: string[] = []
  for (const t of compiled.traits) {
    if (t.definition.op === 'top') names.push(`${t.name}.weight`, `${t.name}.share`)
    else if (!isText(t)) names.push(t.name)
  }
  for (const m of compiled.machines) {
    for (const state of m.table.stateNames) names.push(`machine.${m.name}=${state}`)
  }
  return names
}

/** Writes one row's features from `offset` on; NaN is missing. */
export function writeFeatures(
  store: ProfileStore,
  row: number,
  now: number,
  out: Float32Array,
  offset: number,
): void {
  const reader = readerOf(store).at(row, now)
  let at = offset
  for (const t of store.compiled.traits) {
    if (t.definition.op === 'top') {
      const weights = reader.top(t.index)
      const total = weights.reduce((sum, w) => sum + w.weight, 0)
      out[at++] = weights[0]?.weight ?? Number.NaN
      out[at++] = total > 0 ? weights[0].weight / total : Number.NaN
    } else if (!isText(t)) {
      const value = reader.value(t.index)
      const flag = typeof value === 'boolean' ? Number(value) : Number.NaN
      out[at++] = typeof value === 'number' ? value : flag
    }
  }
  for (const m of store.compiled.machines) {
    const state = store.get(row, m.column)
    for (let s = 0; s < m.table.stateNames.length; s++) out[at++] = s === state ? 1 : 0
  }
}

function isText(trait: CompiledTrait): boolean {
  return trait.text
}
