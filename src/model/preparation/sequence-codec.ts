import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { SavedPreparation } from './codec.ts'
import { NOT_KEPT } from './plan.ts'
import { corrupt, joinTables, readTables } from './saved-tables.ts'
import { NO_COLUMN, type SequencePlan } from './sequence-plan.ts'

const Place = Type.Integer({ minimum: NOT_KEPT })
const Columns = Type.Array(Type.Integer({ minimum: NO_COLUMN }))
const Transform = Type.Object({
  logarithmic: Type.Boolean(),
  low: Type.Number(),
  high: Type.Number(),
  fill: Type.Number(),
  mean: Type.Number(),
  scale: Type.Number(),
})

const Description = Type.Object({
  form: Type.Literal('sequence'),
  columns: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.Union([Type.Literal('number'), Type.Literal('category'), Type.Literal('time')]),
    }),
  ),
  steps: Type.Integer({ minimum: 1 }),
  inputs: Type.Array(Type.String(), { minItems: 1 }),
  stepColumns: Type.Array(Type.Array(Type.Integer({ minimum: 0 }))),
  numbers: Type.Array(
    Type.Object({ columns: Columns, input: Place, missing: Place, transform: Transform }),
  ),
  gaps: Type.Array(
    Type.Object({
      columns: Columns,
      input: Type.Integer({ minimum: 0 }),
      transform: Transform,
    }),
  ),
  /** `slots`: for each step, how many of the table's entries are its own. */
  categories: Type.Array(
    Type.Object({ columns: Columns, slots: Type.Array(Type.Integer({ minimum: 0 })) }),
  ),
})
type Description = Static<typeof Description>

const description = Compile(Description)

export function encodeSequencePlan(plan: SequencePlan): SavedPreparation {
  const tables = plan.categories.flatMap(({ slots }) => slots)
  const categories = plan.categories.map((one) => ({
    ...one,
    slots: one.slots.map((list) => list.length),
  }))
  return { description: { ...plan, categories }, bytes: joinTables(tables) }
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export function decodeSequencePlan(saved: SavedPreparation): SequencePlan {
  const shape: unknown = saved.description
  if (!description.Check(shape)) throw corrupt('is not described as it should be')
  const table = readTables(saved.bytes)
  let at = 0
  const categories = shape.categories.map((one) => ({
    ...one,
    slots: one.slots.map((length) => table.subarray(at, (at += length))),
  }))
  if (at !== table.length) throw corrupt(`has ${table.length} places, not ${at}`)
  check(shape, table)
  return { ...shape, categories }
}

/** There is all that each step needs, every place is one of the inputs, every column one of the row. */
function check(shape: Description, table: Int32Array): void {
  const { columns, steps, inputs, stepColumns, numbers, gaps, categories } = shape
  const places = [...numbers.flatMap(({ input, missing }) => [input, missing]), ...table]
  const byStep = [...numbers, ...gaps, ...categories].map((one) => one.columns)
  const fits =
    [...byStep, stepColumns, ...categories.map(({ slots }) => slots)].every(
      ({ length }) => length === steps,
    ) &&
    [...byStep, ...stepColumns].flat().every((column) => column < columns.length) &&
    places.every((place) => place >= NOT_KEPT && place < inputs.length) &&
    gaps.every(({ input }) => input < inputs.length)
  if (!fits) throw corrupt('writes where there is no input')
}
