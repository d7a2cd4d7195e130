import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { NOT_KEPT, type PreparationPlan } from './plan.ts'
import { corrupt, joinTables, readTables } from './saved-tables.ts'

/** A preparation as it is kept: JSON, and the tables from codes to inputs as little-endian Int32. */
export interface SavedPreparation {
  readonly description: Readonly<Record<string, unknown>>
  readonly bytes: Uint8Array
}

const Place = Type.Integer({ minimum: NOT_KEPT })
const Column = Type.Integer({ minimum: 0 })
const Both = Type.Tuple([Place, Place])
const Transform = Type.Union([
  Type.Null(),
  Type.Object({
    logarithmic: Type.Boolean(),
    low: Type.Number(),
    high: Type.Number(),
    fill: Type.Number(),
    mean: Type.Number(),
    scale: Type.Number(),
  }),
])
/** `slots` is how many of the table's entries are this step's, in the order of the steps. */
const Slots = Type.Integer({ minimum: 0 })

const Description = Type.Object({
  form: Type.Union([Type.Literal('dense'), Type.Literal('raw')]),
  columns: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.Union([Type.Literal('number'), Type.Literal('category'), Type.Literal('time')]),
    }),
  ),
  inputs: Type.Array(Type.String()),
  constant: Type.Array(Type.String()),
  numbers: Type.Array(
    Type.Object({ column: Column, input: Place, missing: Place, transform: Transform }),
  ),
  times: Type.Array(
    Type.Object({ column: Column, hour: Both, weekday: Both, firstWeekday: Column }),
  ),
  categories: Type.Array(Type.Object({ column: Column, slots: Slots, missing: Place })),
  pairs: Type.Array(Type.Object({ left: Column, right: Column, width: Slots, slots: Slots })),
  products: Type.Array(
    Type.Object({ number: Column, category: Column, transform: Transform, slots: Slots }),
  ),
})
type Description = Static<typeof Description>

const description = Compile(Description)

export function encodePlan(plan: PreparationPlan): SavedPreparation {
  const tables: Int32Array[] = []
  const shorten = <T extends { readonly slots: Int32Array }>(step: T) => {
    tables.push(step.slots)
    return { ...step, slots: step.slots.length }
  }
  const categories = plan.categories.map(shorten)
  const pairs = plan.pairs.map(shorten)
  const products = plan.products.map(shorten)
  return { description: { ...plan, categories, pairs, products }, bytes: joinTables(tables) }
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export function decodePlan(saved: SavedPreparation): PreparationPlan {
  const shape: unknown = saved.description
  if (!description.Check(shape)) throw corrupt('is not described as it should be')
  const table = readTables(saved.bytes)
  let at = 0
  const lengthen = <T extends { readonly slots: number }>(step: T) => {
    const slots = table.subarray(at, (at += step.slots))
    return { ...step, slots }
  }
  const plan = {
    ...shape,
    categories: shape.categories.map(lengthen),
    pairs: shape.pairs.map(lengthen),
    products: shape.products.map(lengthen),
  }
  if (at !== table.length) throw corrupt(`has ${table.length} places, not ${at}`)
  check(plan, table)
  return plan
}

/** Every place is one of the inputs, every column one of the row. */
function check(plan: PreparationPlan, table: Int32Array): void {
  const { numbers, times, categories, pairs, products } = plan
  const places = [
    ...numbers.flatMap(({ input, missing }) => [input, missing]),
    ...times.flatMap(({ hour, weekday }) => [...hour, ...weekday]),
    ...categories.map(({ missing }) => missing),
  ]
  const columns = [
    ...[...numbers, ...times, ...categories].map(({ column }) => column),
    ...pairs.flatMap(({ left, right }) => [left, right]),
    ...products.flatMap(({ number, category }) => [number, category]),
  ]
  const isPlace = (place: number): boolean => place >= NOT_KEPT && place < plan.inputs.length
  const fits =
    places.every(isPlace) &&
    table.every(isPlace) &&
    columns.every((column) => column < plan.columns.length)
  if (!fits) throw corrupt('writes where there is no input')
}
