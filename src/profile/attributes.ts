import type { AttributeValue, SideData } from './store.ts'

/** Attributes of a profile; the newest by event time stay. */
export const ATTRIBUTES_MAX = 64
/** A longer text is cut; an attribute with a longer name is not taken. */
export const ATTRIBUTE_CHARACTERS_MAX = 1024
/** Names and values of a profile's attributes; likewise the names of removed ones. */
export const ATTRIBUTES_CHARACTERS_MAX = 8192
/** Removals that are remembered, so that an older value that comes later does not return. */
export const REMOVALS_MAX = 64
export const GROUPS_MAX = 8

/** The newest thing said about an attribute; null: that it is removed. */
interface Write {
  readonly name: string
  readonly value: AttributeValue | null
  readonly time: number
}

/**
 * Takes an identify's traits in: each name by itself, the later event time wins, at the same time the
 * one folded later. A removal (null) is a write too. Nested objects are flattened one level
 * (`address.city`); lists and deeper objects are passed over.
 *
 * Beyond the limits the oldest go by event time, of equally old ones those later by name. Which names
 * stay within {@link ATTRIBUTES_MAX} therefore never depends on the order in which they came, for who
 * was dropped has 64 newer ones for ever; within the characters it may, for values change their
 * length.
 */
export function mergeAttributes(
  side: SideData,
  traits: Readonly<Record<string, unknown>>,
  time: number,
): void {
  if (overwriteKnown(side, traits, time)) return
  const writes = writesOf(side)
  const put = (name: string, given: unknown): void => {
    const value = valueOf(given)
    if (value === undefined || name.length > ATTRIBUTE_CHARACTERS_MAX) return
    if (name === '__proto__') return
    const known = writes.get(name)
    if (known === undefined || time >= known.time) writes.set(name, { name, value, time })
  }
  for (const [name, value] of Object.entries(traits)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [inner, nested] of Object.entries(value)) put(`${name}.${inner}`, nested)
    } else put(name, value)
  }
  keepNewest(side, [...writes.values()])
}

/**
 * What most logins are: values for names that are there already and that stay within the limits. False
 * when it is something else, and nothing was done.
 */
function overwriteKnown(
  { attributes, attributeTimes }: SideData,
  traits: Readonly<Record<string, unknown>>,
  time: number,
): boolean {
  if (attributes === undefined || attributeTimes === undefined) return false
  for (const name of Object.keys(traits)) {
    if (!Object.hasOwn(attributes, name) || (valueOf(traits[name]) ?? null) === null) return false
  }
  const names = Object.keys(attributes)
  let characters = 0
  for (const name of names) {
    const value = Object.hasOwn(traits, name) ? valueOf(traits[name]) : attributes[name]
    characters += name.length + String(value).length
  }
  if (characters > ATTRIBUTES_CHARACTERS_MAX) return false
  for (let i = 0; i < names.length; i++) {
    const value = Object.hasOwn(traits, names[i]) ? valueOf(traits[names[i]]) : null
    if (value === null || value === undefined || time < attributeTimes[i]) continue
    attributes[names[i]] = value
    attributeTimes[i] = time
  }
  return true
}

/** What can be kept of a trait; undefined for nothing. */
function valueOf(value: unknown): AttributeValue | null | undefined {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return value.slice(0, ATTRIBUTE_CHARACTERS_MAX)
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function writesOf({
  attributes = {},
  attributeTimes,
  removals = {},
}: SideData): Map<string, Write> {
  const writes = new Map<string, Write>()
  Object.entries(attributes).forEach(([name, value], i) => {
    writes.set(name, { name, value, time: attributeTimes?.[i] ?? 0 })
  })
  for (const [name, time] of Object.entries(removals)) writes.set(name, { name, value: null, time })
  return writes
}

function keepNewest(side: SideData, writes: Write[]): void {
  writes.sort((a, b) => b.time - a.time || (a.name < b.name ? -1 : 1))
  const kept = withinLimits(
    writes.filter(({ value }) => value !== null),
    ATTRIBUTES_MAX,
  )
  const removed = withinLimits(
    writes.filter(({ value }) => value === null),
    REMOVALS_MAX,
  )
  kept.sort((a, b) => (a.name < b.name ? -1 : 1))
  const attributes: Record<string, AttributeValue> = {}
  for (const { name, value } of kept) if (value !== null) attributes[name] = value
  const times = new Map(kept.map(({ name, time }) => [name, time]))
  side.attributes = attributes
  // Names that look like numbers come first in an object, so the order is asked of it.
  side.attributeTimes = Object.keys(attributes).map((name) => times.get(name) ?? 0)
  if (removed.length === 0) delete side.removals
  else side.removals = Object.fromEntries(removed.map(({ name, time }) => [name, time]))
}

function withinLimits(newestFirst: readonly Write[], most: number): Write[] {
  const kept: Write[] = []
  let characters = 0
  for (const write of newestFirst) {
    if (kept.length === most) break
    const own = write.name.length + (write.value === null ? 0 : String(write.value).length)
    if (characters + own > ATTRIBUTES_CHARACTERS_MAX) continue
    characters += own
    kept.push(write)
  }
  return kept
}

/**
 * Adds a group: the newest by event time are kept and stand last; a group's time is that of its
 * newest event. Of groups with the same time the order is that of their names.
 */
export function mergeGroup(side: SideData, group: string, time: number): void {
  const times = new Map(side.groups?.map((known, i) => [known, side.groupTimes?.[i] ?? 0]))
  times.set(group, Math.max(time, times.get(group) ?? 0))
  const sorted = [...times].sort(([a, at], [b, bt]) => at - bt || (a < b ? -1 : 1))
  const kept = sorted.slice(-GROUPS_MAX)
  side.groups = kept.map(([name]) => name)
  side.groupTimes = kept.map(([, at]) => at)
}
