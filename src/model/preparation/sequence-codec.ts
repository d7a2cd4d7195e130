import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { decodePlan, encodePlan, type SavedPreparation } from './codec.ts'
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
  /** `plan` as a preparation of rows is described; its tables come after those of the steps. */
  statics: Type.Union([
    Type.Null(),
    Type.Object({
      columns: Type.Array(Type.Integer({ minimum: 0 })),
      plan: Type.Record(Type.String(), Type.Unknown()),
    }),
  ]),
})
type Description = Static<typeof Description>

const description = Compile(Description)

export function encodeSequencePlan(plan: SequencePlan): SavedPreparation {
  const tables = plan.categories.flatMap(({ slots }) => slots)
  const categories = plan.categories.map((one) => ({
    ...one,
    slots: one.slots.map((list) => list.length),
  }))
  const bytes = joinTables(tables)
  if (plan.statics === null) return { description: { ...plan, categories }, bytes }
  const kept = encodePlan(plan.statics.plan)
  const statics = { columns: plan.statics.columns, plan: kept.description }
  const all = new Uint8Array(bytes.length + kept.bytes.length)
  all.set(bytes)
  all.set(kept.bytes, bytes.length)
  return { description: { ...plan, categories, statics }, bytes: all }
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export function decodeSequencePlan(saved: SavedPreparation): SequencePlan {
  const shape: unknown = saved.description
  if (!description.Check(shape)) throw corrupt('is not described as it should be')
  const lengths = shape.categories.flatMap(({ slots }) => slots)
  const end = 4 * lengths.reduce((sum, length) => sum + length, 0)
  const table = readTables(saved.bytes.subarray(0, end))
  const rest = saved.bytes.subarray(end)
  const statics = decodeStatics(shape, rest)
  if (4 * table.length !== end || (statics === null && rest.length > 0)) {
    throw corrupt(`has ${saved.bytes.length} bytes of places, not ${end}`)
  }
  check(shape, table)
  let at = 0
  const categories = shape.categories.map((one) => ({
    ...one,
    slots: one.slots.map((length) => table.subarray(at, (at += length))),
  }))
  return { ...shape, categories, statics }
}

function decodeStatics({ statics, columns, inputs }: Description, bytes: Uint8Array) {
  if (statics === null) return null
  const plan = decodePlan({ description: statics.plan, bytes })
  const names = inputs.slice(inputs.length - plan.inputs.length)
  const fits =
    plan.columns.length === statics.columns.length &&
    statics.columns.every((column) => column < columns.length) &&
    plan.inputs.every((name, i) => name === names[i])
  if (fits) return { columns: statics.columns, plan }
  throw corrupt('has other inputs of the latest step than it says')
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
