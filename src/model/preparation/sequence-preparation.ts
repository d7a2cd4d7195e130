import { LimnError } from '../../protocol/errors.ts'
import type { SavedPreparation } from './codec.ts'
import { InputPreparation } from './input-preparation.ts'
import { NOT_KEPT, type PreparationPlan } from './plan.ts'
import { decodeSequencePlan, encodeSequencePlan } from './sequence-codec.ts'
import { keepInputs } from './select-inputs.ts'
import { NO_COLUMN, type SequencePlan } from './sequence-plan.ts'
import type { TablePreparation } from './table-preparation.ts'
import { transformed } from './transform-number.ts'

/**
 * Turns raw rows of a table into sequences: part of the model, fitted on training rows only and saved
 * with it. The inputs of a step are all finite, or all NaN where the step is not there.
 */
export class SequencePreparation implements TablePreparation {
  readonly form = 'sequence'
  readonly plan: SequencePlan
  readonly columns: number
  readonly width: number
  readonly steps: number
  /** Of the inputs of all steps, the oldest first. */
  readonly names: readonly string[]
  private readonly statics: Statics | null

  constructor(plan: SequencePlan) {
    const { columns, steps, inputs, statics } = plan
    this.plan = plan
    this.columns = columns.length
    this.width = steps * inputs.length
    this.steps = steps
    this.names = Array.from({ length: steps }, (_, step) =>
      inputs.map((name) => nameAt(name, steps - 1 - step)),
    ).flat()
    this.statics = statics === null ? null : new Statics(statics.columns, statics.plan)
  }

  prepare(rows: Float32Array, count: number, out: Float32Array): void {
    const { plan, columns, width, steps } = this
    const inputs = plan.inputs.length
    out.fill(0, 0, count * width)
    for (let row = 0; row < count; row++) {
      let before = NO_STEP
      for (let step = 0; step < steps; step++) {
        const place = { from: row * columns, to: row * width + step * inputs, step }
        if (isThere(plan, rows, place)) {
          writeStep(plan, { rows, out, ...place, before })
          before = step
        } else out.fill(Number.NaN, place.to, place.to + inputs)
      }
      this.writeStatics(rows.subarray(row * columns), out, (row + 1) * width)
    }
  }

  /** Into the step that ends there. */
  private writeStatics(row: Float32Array, out: Float32Array, end: number): void {
    if (this.statics === null) return
    const inputs = this.plan.inputs.length
    if (Number.isNaN(out[end - 1])) out.fill(0, end - inputs, end)
    const values = this.statics.prepare(row)
    out.set(values, end - values.length)
  }

  /**
   * The same with only those inputs of a step of which one of any step is named.
   * @throws LimnError ERR_PREPARATION_INPUT when one is not there, or none is named
   */
  keep(names: readonly string[]): SequencePreparation {
    const unknown = names.find((name) => !this.names.includes(name))
    if (unknown !== undefined || names.length === 0) {
      const what = unknown === undefined ? 'no input is kept' : `there is no input "${unknown}"`
      throw new LimnError('ERR_PREPARATION_INPUT', what)
    }
    const named = new Set(names)
    const { inputs } = this.plan
    const kept = inputs.map((_, i) =>
      this.names.some((name, at) => at % inputs.length === i && named.has(name)),
    )
    return new SequencePreparation(keepStepInputs(this.plan, kept))
  }

  save(): SavedPreparation {
    return encodeSequencePlan(this.plan)
  }

  /** @throws LimnError ERR_MODEL_CORRUPT */
  static load(saved: SavedPreparation): SequencePreparation {
    return new SequencePreparation(decodeSequencePlan(saved))
  }
}

/** What is no part of a step, of one row at a time. */
class Statics {
  private readonly columns: readonly number[]
  private readonly preparation: InputPreparation
  private readonly raw: Float32Array
  private readonly inputs: Float32Array

  constructor(columns: readonly number[], plan: PreparationPlan) {
    this.columns = columns
    this.preparation = new InputPreparation(plan)
    this.raw = new Float32Array(columns.length)
    this.inputs = new Float32Array(this.preparation.width)
  }

  /** Valid until the next call. */
  prepare(row: Float32Array): Float32Array {
    for (let i = 0; i < this.columns.length; i++) this.raw[i] = row[this.columns[i]]
    this.preparation.prepare(this.raw, 1, this.inputs)
    return this.inputs
  }
}

const NO_STEP = -1

function nameAt(name: string, stepsBack: number): string {
  return stepsBack === 0 ? `${name} (latest)` : `${name} (${stepsBack} before)`
}

interface Place {
  /** Where the raw row and the step's inputs begin. */
  readonly from: number
  readonly to: number
  readonly step: number
}

function isThere(
  { stepColumns }: SequencePlan,
  rows: Float32Array,
  { from, step }: Place,
): boolean {
  for (const column of stepColumns[step]) if (!Number.isNaN(rows[from + column])) return true
  return false
}

interface StepWrite extends Place {
  readonly rows: Float32Array
  readonly out: Float32Array
  /** The step that is there before this one. */
  readonly before: number
}

function writeStep({ numbers, gaps, categories }: SequencePlan, write: StepWrite): void {
  const { rows, out, from, to, step, before } = write
  const at = (columns: readonly number[], place: number): number =>
    place === NO_STEP || columns[place] === NO_COLUMN ? Number.NaN : rows[from + columns[place]]
  for (const { columns, input, missing, transform } of numbers) {
    const x = at(columns, step)
    if (input !== NOT_KEPT) out[to + input] = transformed(x, transform)
    if (missing !== NOT_KEPT && x - x !== 0) out[to + missing] = 1
  }
  for (const { columns, input, transform } of gaps) {
    out[to + input] = transformed(Math.abs(at(columns, before) - at(columns, step)), transform)
  }
  for (const { columns, slots } of categories) {
    const code = at(columns, step)
    const slot = code >= 0 && code < slots[step].length ? slots[step][Math.floor(code)] : NOT_KEPT
    if (slot !== NOT_KEPT) out[to + slot] = 1
  }
}

function keepStepInputs(plan: SequencePlan, kept: readonly boolean[]): SequencePlan {
  let next = 0
  const places = kept.map((keep) => (keep ? next++ : NOT_KEPT))
  const move = (input: number): number => (input === NOT_KEPT ? NOT_KEPT : places[input])
  const { statics } = plan
  const first = plan.inputs.length - (statics?.plan.inputs.length ?? 0)
  const keptStatics = new Set(plan.inputs.filter((_, i) => i >= first && kept[i]))
  return {
    ...plan,
    statics:
      statics === null || keptStatics.size === 0
        ? null
        : { ...statics, plan: keepInputs(statics.plan, keptStatics) },
    inputs: plan.inputs.filter((_, i) => kept[i]),
    numbers: plan.numbers
      .map((one) => ({ ...one, input: move(one.input), missing: move(one.missing) }))
      .filter(({ input, missing }) => input !== NOT_KEPT || missing !== NOT_KEPT),
    gaps: plan.gaps
      .map((one) => ({ ...one, input: move(one.input) }))
      .filter(({ input }) => input !== NOT_KEPT),
    categories: plan.categories
      .map((one) => ({ ...one, slots: one.slots.map((list) => list.map(move)) }))
      .filter(({ slots }) => slots.some((list) => list.some((slot) => slot !== NOT_KEPT))),
  }
}
