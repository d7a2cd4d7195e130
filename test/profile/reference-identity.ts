import type { Value } from '../../src/profile/expression.ts'

const ATTRIBUTES_MAX = 64
const TEXT_MAX = 1024
const GROUPS_MAX = 8

type Scalar = Exclude<Value, null>

interface Said {
  readonly name: string
  readonly value: Value
  readonly time: number
}

/**
 * Attributes and groups by definition: all that was ever said, and of each name what has the latest
 * event time. Knows no bound of characters, and of removals none at all.
 */
export class ReferenceIdentity {
  private readonly said: Said[] = []
  private readonly grouped: Said[] = []

  takeAll(other: ReferenceIdentity): void {
    this.said.push(...other.said)
    this.grouped.push(...other.grouped)
  }

  identify(traits: Readonly<Record<string, unknown>>, time: number): void {
    for (const [name, value] of Object.entries(traits)) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        for (const [inner, nested] of Object.entries(value)) {
          this.say(`${name}.${inner}`, nested, time)
        }
      } else this.say(name, value, time)
    }
  }

  group(id: string, time: number): void {
    this.grouped.push({ name: id, value: id, time })
  }

  attribute(name: string): Value {
    return this.attributes()[name] ?? null
  }

  attributes(): Record<string, Scalar> {
    const present = newestOf(this.said).filter(({ value }) => value !== null)
    const kept = present.slice(0, ATTRIBUTES_MAX)
    return Object.fromEntries(kept.map(({ name, value }) => [name, value as Scalar]))
  }

  groups(): string[] {
    const oldestFirst = newestOf(this.grouped).sort((a, b) => a.time - b.time || byName(a, b))
    return oldestFirst.slice(-GROUPS_MAX).map(({ name }) => name)
  }

  private say(name: string, value: unknown, time: number): void {
    if (value !== null && !['string', 'number', 'boolean'].includes(typeof value)) return
    if (typeof value === 'number' && !Number.isFinite(value)) return
    const kept = typeof value === 'string' ? value.slice(0, TEXT_MAX) : (value as Value)
    this.said.push({ name, value: kept, time })
  }
}

/** The latest of each name, of equally late ones what was said last; newest first. */
function newestOf(all: readonly Said[]): Said[] {
  const latest = new Map<string, Said>()
  for (const one of all) {
    const known = latest.get(one.name)
    if (known === undefined || one.time >= known.time) latest.set(one.name, one)
  }
  return [...latest.values()].sort((a, b) => b.time - a.time || byName(a, b))
}

function byName(a: Said, b: Said): number {
  if (a.name === b.name) return 0
  return a.name < b.name ? -1 : 1
}
