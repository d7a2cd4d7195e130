import type { RecordCursor } from '../event/record.ts'
import { LimnError } from '../protocol/errors.ts'
import type { CompiledTrait, WindowRing } from './compile.ts'
import { DISTINCT_LIMIT_DEFAULT } from './compile.ts'
import type { Resolve, Value } from './expression.ts'
import { compileExpression, compilePredicate } from './expression.ts'
import type { ProfileStore } from './store.ts'

interface Signal {
  readonly type: string
  readonly name: string
  readonly bot: boolean
  readonly cursor: RecordCursor | null
}

interface Update {
  readonly trait: CompiledTrait
  readonly where: () => boolean
  readonly value: (() => Value) | null
  readonly product: string | null
}

const PRODUCT_FIELDS = ['price', 'quantity', 'product_id', 'category', 'brand']

/** Updates of stored traits, listed once for each kind of event. */
export class TraitUpdates {
  private readonly store: ProfileStore
  private readonly all: Update[]
  private readonly lists = new Map<string, Update[]>()

  constructor(store: ProfileStore, resolve: Resolve) {
    this.store = store
    this.all = store.compiled.traits.map((trait) => {
      const path = trait.definition.value ?? ''
      const product = path.startsWith('products.') ? path.slice(9) : null
      if (product !== null && !PRODUCT_FIELDS.includes(product)) {
        const message = `traits.${trait.name}: no product field "${product}"`
        throw new LimnError('ERR_DEFINITION_INVALID', message)
      }
      return {
        trait,
        where: trait.where === null ? () => true : compilePredicate(trait.where, resolve),
        value: trait.value === null ? null : compileExpression(trait.value, resolve),
        product,
      }
    })
  }

  apply(row: number, at: number, signal: Signal): void {
    for (const update of this.listOf(signal)) {
      if (signal.bot && update.trait.definition.bots !== true) continue
      if (!update.where()) continue
      if (update.product === null) {
        this.change(row, at, update.trait, update.value === null ? 1 : update.value())
        continue
      }
      this.eachProduct(signal.cursor, update.product, (v) => this.change(row, at, update.trait, v))
    }
  }

  private listOf(signal: Signal): Update[] {
    const key = `${signal.type}\n${signal.name}`
    const known = this.lists.get(key)
    if (known !== undefined) return known
    const list = this.all.filter(({ trait }) => {
      return trait.selectors.some(
        (s) => s === signal.name || s === signal.type || (s === '*' && signal.type !== ''),
      )
    })
    if (this.lists.size < 4096) this.lists.set(key, list)
    return list
  }

  private eachProduct(cursor: RecordCursor | null, field: string, see: (v: Value) => void): void {
    cursor?.eachProduct((price, quantity, id, idEnd, category, categoryEnd, brand, brandEnd) => {
      if (field === 'price') see(Number.isNaN(price) ? null : price)
      else if (field === 'quantity') see(Number.isNaN(quantity) ? null : quantity)
      else if (field === 'product_id') see(cursor.decode(id, idEnd) || null)
      else if (field === 'category') see(cursor.decode(category, categoryEnd) || null)
      else see(cursor.decode(brand, brandEnd) || null)
    })
  }

  private change(row: number, at: number, trait: CompiledTrait, value: Value): void {
    if (value === null) return
    const { op } = trait.definition
    if (op === 'top') return this.addTag(row, at, trait, String(value))
    if (op === 'distinct') return this.addDistinct(row, trait, String(value))
    if (op === 'since') return this.keep(row, trait.column, at, Math.max)
    if (op === 'first' || op === 'last') return this.keepEnd(row, at, trait, value)
    const number = op === 'count' ? 1 : value
    if (typeof number !== 'number') return
    if (trait.ring !== null) {
      this.addToRing(row, at, trait.ring, number, op)
      if (trait.counts !== null) this.addToRing(row, at, trait.counts, 1, 'count')
      return
    }
    if (op === 'min') return this.keep(row, trait.column, number, Math.min)
    if (op === 'max') return this.keep(row, trait.column, number, Math.max)
    const amount = number * this.decay(row, at, trait)
    this.add(row, trait.column, amount)
    if (op === 'mean') this.add(row, trait.column + 1, 1)
  }

  /** Moves a decaying trait's reference to `at` if that is later; returns the amount's factor. */
  private decay(row: number, at: number, trait: CompiledTrait): number {
    if (trait.halfLifeMs === Infinity) return 1
    const { store } = this
    const reference = store.get(row, trait.column + 1)
    if (reference >= at) return 2 ** ((at - reference) / trait.halfLifeMs)
    store.set(row, trait.column + 1, at)
    if (!Number.isNaN(reference)) {
      const factor = 2 ** ((reference - at) / trait.halfLifeMs)
      store.set(row, trait.column, store.get(row, trait.column) * factor)
      const weights = store.sideOf(row)?.tops[trait.index]
      if (weights) for (const key of Object.keys(weights)) weights[key] *= factor
    }
    return 1
  }

  private add(row: number, column: number, amount: number): void {
    const before = this.store.get(row, column)
    this.store.set(row, column, Number.isNaN(before) ? amount : before + amount)
  }

  private keep(row: number, column: number, v: number, best: typeof Math.max): void {
    const before = this.store.get(row, column)
    this.store.set(row, column, Number.isNaN(before) ? v : best(before, v))
  }

  /** By event time; of equal times the first arrival is first and the last arrival last. */
  private keepEnd(row: number, at: number, trait: CompiledTrait, value: Value): void {
    const known = this.store.get(row, trait.column + 1)
    const better = trait.definition.op === 'first' ? at < known : at >= known
    if (!Number.isNaN(known) && !better) return
    if (trait.text) this.store.side(row).texts[trait.index] = String(value).slice(0, 256)
    else if (typeof value === 'number') this.store.set(row, trait.column, value)
    else return
    this.store.set(row, trait.column + 1, at)
  }

  private addDistinct(row: number, trait: CompiledTrait, value: string): void {
    const values = (this.store.side(row).distinct[trait.index] ??= [])
    const limit = trait.definition.limit ?? DISTINCT_LIMIT_DEFAULT
    if (values.length < limit && !values.includes(value)) values.push(value)
  }

  /** When all k places are taken, the lightest gives way and the newcomer starts at its own weight. */
  private addTag(row: number, at: number, trait: CompiledTrait, value: string): void {
    const amount = this.decay(row, at, trait)
    const tops = this.store.side(row).tops
    const weights = (tops[trait.index] ??= Object.create(null) as Record<string, number>)
    const keys = Object.keys(weights)
    if (!(value in weights) && keys.length >= (trait.definition.k ?? 8)) {
      const lightest = keys.reduce((a, b) => (weights[b] < weights[a] ? b : a))
      if (weights[lightest] > amount) return
      delete weights[lightest]
    }
    weights[value] = (weights[value] ?? 0) + amount
  }

  private addToRing(row: number, at: number, ring: WindowRing, v: number, op: string): void {
    const { store } = this
    const bucket = Math.floor(at / ring.bucketMs)
    const head = store.get(row, ring.head)
    const extreme = op === 'min' ? Math.min : op === 'max' ? Math.max : null
    if (bucket <= head - ring.buckets) return
    if (!(bucket <= head)) {
      const from = Number.isNaN(head) ? bucket - ring.buckets + 1 : head + 1
      const start = Math.max(from, bucket - ring.buckets + 1)
      for (let b = start; b <= bucket; b++) {
        store.set32(row, ring.at + (b % ring.buckets), extreme === null ? 0 : Number.NaN)
      }
      store.set(row, ring.head, bucket)
    }
    const column = ring.at + (bucket % ring.buckets)
    const before = store.get32(row, column)
    if (extreme === null) store.set32(row, column, before + v)
    else store.set32(row, column, Number.isNaN(before) ? v : extreme(before, v))
  }
}
