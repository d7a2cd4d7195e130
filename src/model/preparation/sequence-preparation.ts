import { LimnError } from '../../protocol/errors.ts'
import type { SavedPreparation } from './codec.ts'
import { NOT_KEPT } from './plan.ts'
import { decodeSequencePlan, encodeSequencePlan } from './sequence-codec.ts'
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
  /** Of the inputs of all steps; the latest step is "step −0". */
  readonly names: readonly string[]

  constructor(plan: SequencePlan) {
    const { columns, steps, inputs } = plan
    this.plan = plan
    this.columns = columns.length
    this.width = steps * inputs.length
    this.steps = steps
    this.names = Array.from({ length: steps }, (_, step) =>
      inputs.map((name) => nameAt(name, steps - 1 - step)),
    ).flat()
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
    }
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
  return {
    ...plan,
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
