import type { RingGroup, TraitShape } from './compile.ts'
import { evaluatorOf } from './evaluator.ts'
import type { NumberReader } from './trait-programs.ts'
import type { Context } from './context.ts'
import type { ProfileStore } from './store.ts'
import { columnOf } from './layout.ts'

/** Traits that one loop reads: where each one's value goes, and its columns. */
interface Plan {
  readonly trait: Int32Array
  readonly a: Int32Array
  readonly b: Int32Array
  readonly halfLifeMs: Float64Array
}

interface RatioPlan {
  readonly trait: Int32Array
  readonly numerator: Int32Array
  readonly denominator: Int32Array
}

/**
 * All numeric traits of a row at once: the values that the evaluator's readers give one by one, bit
 * for bit, but each window's buckets are walked once for all traits in them. Owns the values, which
 * hold until the next {@link read}; one for a store, never shared between threads.
 */
export class TraitValues {
  /** By trait; NaN where there is none. A `top` trait's is its heaviest weight. */
  readonly numbers: Float64Array
  /** By trait: a `top` trait's heaviest weight as a share of all. */
  readonly shares: Float64Array
  /** By trait: the number of a `top` trait's heaviest string; 0 where none has any weight. */
  readonly firsts: Uint32Array
  /** Where the strings that {@link sortTags} sorted are kept, and their weights. */
  readonly tagPlaces: Int32Array
  readonly tagWeights: Float64Array
  private readonly context: Context
  private readonly counts: Plan
  private readonly distincts: Plan
  private readonly plain: Plan
  private readonly means: Plan
  private readonly ages: Plan
  private readonly decays: Plan
  private readonly tops: readonly TraitShape[]
  private readonly windows: readonly WindowReader[]
  private readonly ratios: RatioPlan
  private readonly formulas: readonly { trait: number; read: NumberReader }[]

  constructor(store: ProfileStore) {
    const evaluator = evaluatorOf(store)
    const { traits, groups } = store.compiled
    this.context = evaluator.context
    this.numbers = new Float64Array(traits.length).fill(Number.NaN)
    this.shares = new Float64Array(traits.length).fill(Number.NaN)
    this.firsts = new Uint32Array(traits.length)
    const tags = Math.max(0, ...traits.map((shape) => shape.k))
    this.tagPlaces = new Int32Array(tags)
    this.tagWeights = new Float64Array(tags)
    const numeric = traits.filter((shape) => shape.definition.text !== true)
    const kept = numeric.filter((shape) => shape.group === null && shape.a !== null)
    const lasting = kept.filter((s) => s.halfLifeMs === 0 && s.definition.op !== 'top')
    const of = (...ops: string[]): Plan =>
      planOf(lasting.filter((shape) => ops.includes(shape.definition.op)))
    this.counts = of('count')
    this.distincts = of('distinct')
    this.plain = of('sum', 'min', 'max', 'first', 'last')
    this.means = of('mean')
    this.ages = of('since')
    this.decays = planOf(kept.filter((s) => s.halfLifeMs > 0 && s.definition.op !== 'top'))
    this.tops = kept.filter((shape) => shape.definition.op === 'top')
    this.windows = groups.map((group) => {
      return new WindowReader(
        group,
        numeric.filter((shape) => shape.group === group),
      )
    })
    this.ratios = ratioPlan(traits)
    this.formulas = numeric
      .filter((shape) => shape.definition.op === 'formula')
      .map((shape) => ({ trait: shape.index, read: evaluator.readers[shape.index] }))
  }

  /** Reads the row that the evaluator looks at, as of its instant. */
  read(): void {
    this.readStored()
    this.readTimed()
    for (const window of this.windows) window.read(this.context, this.numbers)
    this.readDerived()
  }

  /** Sorts a `top` trait's strings by weight, heaviest first and stable; returns how many there are. */
  sortTags(shape: TraitShape): number {
    const { tagPlaces, tagWeights, context } = this
    const { page, o4, o8 } = context.store
    const ids = o4 + columnOf(shape.a)
    const weights = o4 + columnOf(shape.c)
    let factor = Number.NaN
    let count = 0
    for (let place = 0; place < shape.k; place++) {
      if (page.u32[ids + place] === 0) continue
      if (count === 0) {
        factor = 2 ** ((page.f64[o8 + columnOf(shape.b)] - context.now) / shape.halfLifeMs)
      }
      const weight = page.f32[weights + place] * factor
      let at = count++
      for (; at > 0 && tagWeights[at - 1] < weight; at--) {
        tagWeights[at] = tagWeights[at - 1]
        tagPlaces[at] = tagPlaces[at - 1]
      }
      tagWeights[at] = weight
      tagPlaces[at] = place
    }
    return count
  }

  private readStored(): void {
    const { numbers, counts, distincts, plain, means } = this
    const { page, o8, o4, o2 } = this.context.store
    const { f64, u32, u16 } = page
    for (let i = 0; i < counts.trait.length; i++) numbers[counts.trait[i]] = u32[o4 + counts.a[i]]
    for (let i = 0; i < distincts.trait.length; i++) {
      numbers[distincts.trait[i]] = u16[o2 + distincts.a[i]]
    }
    for (let i = 0; i < plain.trait.length; i++) numbers[plain.trait[i]] = f64[o8 + plain.a[i]]
    for (let i = 0; i < means.trait.length; i++) {
      numbers[means.trait[i]] = f64[o8 + means.a[i]] / u32[o4 + means.b[i]]
    }
  }

  private readTimed(): void {
    const { numbers, ages, decays } = this
    const { now, store } = this.context
    const { f64 } = store.page
    for (let i = 0; i < ages.trait.length; i++) {
      const time = f64[store.o8 + ages.a[i]]
      numbers[ages.trait[i]] = time === 0 ? Number.NaN : (now - time) / 1000
    }
    for (let i = 0; i < decays.trait.length; i++) {
      const value = f64[store.o8 + decays.a[i]]
      numbers[decays.trait[i]] =
        value === 0 ? 0 : value * 2 ** ((f64[store.o8 + decays.b[i]] - now) / decays.halfLifeMs[i])
    }
    for (const shape of this.tops) this.readTop(shape)
  }

  private readTop(shape: TraitShape): void {
    const { page, o4, o8 } = this.context.store
    const weights = o4 + columnOf(shape.c)
    let first = 0
    let place = -1
    let sum = 0
    for (let i = 0; i < shape.k; i++) {
      const weight = page.f32[weights + i]
      sum += weight
      if (weight <= first) continue
      first = weight
      place = i
    }
    const since = page.f64[o8 + columnOf(shape.b)] - this.context.now
    this.numbers[shape.index] = first === 0 ? 0 : first * 2 ** (since / shape.halfLifeMs)
    this.shares[shape.index] = sum > 0 ? first / sum : Number.NaN
    this.firsts[shape.index] = place < 0 ? 0 : page.u32[o4 + columnOf(shape.a) + place]
  }

  private readDerived(): void {
    const { numbers, ratios, formulas } = this
    for (const { trait, read } of formulas) numbers[trait] = read()
    for (let i = 0; i < ratios.trait.length; i++) {
      const divisor = numbers[ratios.denominator[i]]
      numbers[ratios.trait[i]] = divisor === 0 ? Number.NaN : numbers[ratios.numerator[i]] / divisor
    }
  }
}

const SUM = 0
const MINIMUM = 1
const MAXIMUM = 2
const NO_RING = -1

/** Reads all rings of a window group in one walk over its buckets, oldest first. */
class WindowReader {
  private readonly group: RingGroup
  private readonly traits: Int32Array
  /** By trait; {@link NO_RING} for none. A mean has both. */
  private readonly countRings: Int32Array
  private readonly valueRings: Int32Array
  private readonly counts: Float64Array
  private readonly values: Float64Array
  /** By value ring: sum, minimum or maximum. */
  private readonly kinds: Uint8Array

  constructor(group: RingGroup, shapes: readonly TraitShape[]) {
    this.group = group
    this.traits = Int32Array.from(shapes, (shape) => shape.index)
    this.countRings = Int32Array.from(shapes, (shape) => shape.countRing)
    this.valueRings = Int32Array.from(shapes, (shape) => shape.valueRing)
    this.counts = new Float64Array(group.countRings)
    this.values = new Float64Array(group.valueRings)
    this.kinds = new Uint8Array(group.valueRings)
    for (const { definition, valueRing } of shapes) {
      if (definition.op === 'min') this.kinds[valueRing] = MINIMUM
      if (definition.op === 'max') this.kinds[valueRing] = MAXIMUM
    }
  }

  read(context: Context, numbers: Float64Array): void {
    this.walk(context)
    const { counts, values, traits, countRings, valueRings } = this
    for (let i = 0; i < traits.length; i++) {
      const count = countRings[i] === NO_RING ? Number.NaN : counts[countRings[i]]
      if (valueRings[i] === NO_RING) numbers[traits[i]] = count
      else {
        const value = values[valueRings[i]]
        numbers[traits[i]] = countRings[i] === NO_RING ? value : value / count
      }
    }
  }

  private walk(context: Context): void {
    const { counts, values, kinds, group } = this
    const { page, o4, o1, counts: kept } = context.store
    const { buckets, resolutionMs, countRings, valueRings } = group
    counts.fill(0)
    for (let ring = 0; ring < valueRings; ring++) {
      values[ring] = kinds[ring] === SUM ? 0 : Number.NaN
    }
    const head = page.u32[o4 + group.head.index]
    let bucket = Math.max(Math.floor(context.now / resolutionMs), head) - buckets + 1
    let place = bucket % buckets
    for (; bucket <= head; bucket++) {
      const count = o1 + group.counts.index + place * countRings
      for (let ring = 0; ring < countRings; ring++) counts[ring] += kept.get(count + ring)
      const value = o4 + group.values.index + place * valueRings
      for (let ring = 0; ring < valueRings; ring++) this.take(ring, page.f32[value + ring])
      if (++place === buckets) place = 0
    }
  }

  private take(ring: number, value: number): void {
    const { values, kinds } = this
    const known = values[ring]
    if (kinds[ring] === SUM) values[ring] = known + value
    else if (Number.isNaN(value)) return
    else if (Number.isNaN(known)) values[ring] = value
    else if (kinds[ring] === MINIMUM ? value < known : value > known) values[ring] = value
  }
}

function planOf(shapes: readonly TraitShape[]): Plan {
  return {
    trait: Int32Array.from(shapes, (shape) => shape.index),
    a: Int32Array.from(shapes, (shape) => columnOf(shape.a)),
    b: Int32Array.from(shapes, (shape) => shape.b?.index ?? 0),
    halfLifeMs: Float64Array.from(shapes, (shape) => shape.halfLifeMs),
  }
}

/** Ratios in an order in which each comes after the ratios it reads. */
function ratioPlan(traits: readonly TraitShape[]): RatioPlan {
  const byName = new Map(traits.map((shape) => [shape.name, shape]))
  const ordered = new Set<TraitShape>()
  const place = (shape: TraitShape): void => {
    if (shape.definition.op !== 'ratio' || ordered.has(shape)) return
    for (const name of namesOf(shape)) place(shapeNamed(byName, name))
    ordered.add(shape)
  }
  traits.forEach(place)
  const indexes = (name: 0 | 1): number[] =>
    [...ordered].map((shape) => shapeNamed(byName, namesOf(shape)[name]).index)
  return {
    trait: Int32Array.from(ordered, (shape) => shape.index),
    numerator: Int32Array.from(indexes(0)),
    denominator: Int32Array.from(indexes(1)),
  }
}

function namesOf({ definition }: TraitShape): [string, string] {
  return [definition.numerator ?? '', definition.denominator ?? '']
}

function shapeNamed(byName: ReadonlyMap<string, TraitShape>, name: string): TraitShape {
  const shape = byName.get(name)
  if (shape === undefined) throw new Error(`there is no trait "${name}"`)
  return shape
}

const known = new WeakMap<ProfileStore, TraitValues>()

/** The store's values, made once. */
export function traitValuesOf(store: ProfileStore): TraitValues {
  const made = known.get(store) ?? new TraitValues(store)
  known.set(store, made)
  return made
}
