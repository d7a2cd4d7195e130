import type { CompiledDefinition, CompiledTrait, WindowRing } from './compile.ts'
import type { Resolve, Value } from './expression.ts'
import { compileExpression, unknownNameError } from './expression.ts'
import type { ProfileStore } from './store.ts'

export interface Weighted {
  readonly value: string
  readonly weight: number
}

/** Reads traits of one row at an instant; never changes the row. Set `row` and `now` first. */
export class TraitReader {
  row = 0
  now = 0
  private readonly store: ProfileStore
  private readonly compiled: CompiledDefinition
  private readonly formulas: ((() => Value) | null)[]

  constructor(store: ProfileStore) {
    this.store = store
    this.compiled = store.compiled
    this.formulas = this.compiled.traits.map((t) => {
      return t.formula === null ? null : compileExpression(t.formula, this.resolve)
    })
  }

  /** Moves to a row; reads are never before the row's own clock. */
  at(row: number, now: number): this {
    this.row = row
    this.now = Math.max(now, this.store.clock(row))
    return this
  }

  readonly resolve: Resolve = (name, args) => {
    if (name === 'tag' && args !== undefined) return this.tag(String(args[0]), String(args[1]))
    const index = this.compiled.traitIndex.get(name)
    if (index !== undefined) return () => this.value(index)
    if (name.startsWith('machine.')) return this.machineState(name.slice(8))
    const attribute = /^attr(?:ibutes)?\.(.+)$/.exec(name)
    if (attribute) {
      return () => scalar(this.store.sideOf(this.row)?.attributes[attribute[1]])
    }
    if (name === 'now') return () => this.now
    throw unknownNameError('name', name, this.compiled.traitIndex.keys())
  }

  /** A trait's value; a top trait gives its heaviest value. */
  value(index: number): Value {
    const trait = this.compiled.traits[index]
    const { op } = trait.definition
    if (op === 'top') return this.top(index)[0]?.value ?? null
    if (op === 'distinct') return this.store.sideOf(this.row)?.distinct[index]?.length ?? 0
    if (op === 'formula') return this.formulas[index]?.() ?? null
    if (op === 'ratio') {
      const top = this.value(trait.numerator)
      const bottom = this.value(trait.denominator)
      return typeof top === 'number' && typeof bottom === 'number' && bottom !== 0
        ? top / bottom
        : null
    }
    if (trait.text) return this.store.sideOf(this.row)?.texts[index] ?? null
    return this.numeric(trait)
  }

  /** Heaviest first; ties by value. */
  top(index: number): Weighted[] {
    const trait = this.compiled.traits[index]
    const weights = this.store.sideOf(this.row)?.tops[index]
    if (weights === undefined) return []
    const reference = this.store.get(this.row, trait.column + 1)
    const factor = 2 ** ((reference - this.now) / trait.halfLifeMs)
    return Object.entries(weights)
      .map(([value, weight]) => ({ value, weight: weight * factor }))
      .sort((a, b) => b.weight - a.weight || (a.value < b.value ? -1 : 1))
  }

  private numeric(trait: CompiledTrait): number | null {
    const { op } = trait.definition
    const a = this.store.get(this.row, trait.column)
    const b = this.store.get(this.row, trait.column + 1)
    if (trait.ring !== null) return this.windowed(trait, trait.ring)
    if (trait.halfLifeMs !== Infinity) {
      return Number.isNaN(a) ? 0 : a * 2 ** ((b - this.now) / trait.halfLifeMs)
    }
    if (op === 'count' || op === 'sum') return Number.isNaN(a) ? 0 : a
    if (Number.isNaN(a)) return null
    if (op === 'mean') return a / b
    return op === 'since' ? Math.max(0, this.now - a) / 1000 : a
  }

  private windowed(trait: CompiledTrait, ring: WindowRing): number | null {
    const { op } = trait.definition
    const extreme = op === 'min' ? Math.min : op === 'max' ? Math.max : null
    if (extreme !== null) {
      let best = Number.NaN
      this.eachBucket(ring, (v) => {
        if (!Number.isNaN(v)) best = Number.isNaN(best) ? v : extreme(best, v)
      })
      return Number.isNaN(best) ? null : best
    }
    const total = this.ringSum(ring)
    if (op !== 'mean' || trait.counts === null) return total
    const count = this.ringSum(trait.counts)
    return count === 0 ? null : total / count
  }

  private ringSum(ring: WindowRing): number {
    let total = 0
    this.eachBucket(ring, (v) => {
      total += v
    })
    return total
  }

  private eachBucket(ring: WindowRing, visit: (value: number) => void): void {
    const head = this.store.get(this.row, ring.head)
    if (Number.isNaN(head)) return
    const current = Math.floor(this.now / ring.bucketMs)
    const from = Math.max(current, head) - ring.buckets + 1
    for (let b = from; b <= head; b++) {
      visit(this.store.get32(this.row, ring.at + (b % ring.buckets)))
    }
  }

  private tag(name: string, value: string): () => Value {
    const index = this.compiled.traitIndex.get(name)
    if (index === undefined) {
      throw unknownNameError('trait', name, this.compiled.traitIndex.keys())
    }
    return () => this.top(index).find((w) => w.value === value)?.weight ?? 0
  }

  private machineState(name: string): () => Value {
    const machine = this.compiled.machines.find((m) => m.name === name || m.table.id === name)
    if (machine === undefined) {
      throw unknownNameError('machine', name, this.compiled.machineNames)
    }
    return () => machine.table.stateNames[this.store.get(this.row, machine.column)]
  }
}

const readers = new WeakMap<ProfileStore, TraitReader>()

export function readerOf(store: ProfileStore): TraitReader {
  let reader = readers.get(store)
  if (reader === undefined) readers.set(store, (reader = new TraitReader(store)))
  return reader
}

export function scalar(value: unknown): Value {
  const kind = typeof value
  if (kind === 'number' || kind === 'string' || kind === 'boolean') return value as Value
  return null
}
