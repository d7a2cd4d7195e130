import { KEY_KIND } from '../event/record.ts'
import { COLUMN } from './compile.ts'
import { PROFILE_PARTS } from './definition.ts'
import { readerOf } from './reader.ts'
import type { ProfileStore } from './store.ts'

/** A profile as JSON text at `now`. Scope `traits` gives a flat map of name to value. */
export function profileText(
  store: ProfileStore,
  row: number,
  now: number,
  position: string,
  scope = '',
): string {
  const { traits, machines, segmentNames } = store.compiled
  const reader = readerOf(store).at(row, now)
  const read = (index: number): unknown => {
    return traits[index].definition.op === 'top' ? reader.top(index) : reader.value(index)
  }
  if (scope === 'traits') {
    return JSON.stringify(Object.fromEntries(traits.map((t) => [t.name, read(t.index)])))
  }
  const { kind, key } = store.keyOf(row)
  const kindName = kind === KEY_KIND.user ? 'user' : 'anonymous'
  const firstSeen = store.get(row, COLUMN.firstSeen)
  const parts: Record<string, Record<string, unknown>> = {}
  for (const part of PROFILE_PARTS) parts[part] = {}
  Object.assign(parts.attributes, store.sideOf(row)?.attributes)
  for (const t of traits) parts[t.definition.part][t.name] = read(t.index)
  const states = machines.map((m) => [m.name, m.table.stateNames[store.get(row, m.column)]])
  return JSON.stringify({
    id: `${kindName}:${key}`,
    kind: kindName,
    position,
    firstSeenAt: Number.isNaN(firstSeen) ? null : firstSeen,
    lastSeenAt: store.clock(row) || null,
    ...parts,
    machines: Object.fromEntries(states),
    segments: segmentNames.filter((_, i) => store.inSegment(row, i)),
    links: store.links(row).map((l) => `${l.kind === KEY_KIND.user ? 'user' : 'anonymous'}:${l.key}`),
  })
}
