import { endianness } from 'node:os'
import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { LimnError } from '../../protocol/errors.ts'
import type { SavedPredictor } from './predictor.ts'

interface ArrayKinds {
  readonly f64: Float64Array
  readonly f32: Float32Array
  readonly u32: Uint32Array
}
type Kinds = Readonly<Record<string, keyof ArrayKinds>>

/** How a learner keeps its models: facts as JSON, and arrays of numbers whose lengths follow from them. */
export interface ModelFormat<S extends TSchema, K extends Kinds> {
  readonly learner: string
  readonly facts: S
  readonly arrays: K
  readonly lengths: (facts: Static<S>) => { readonly [N in keyof K]: number }
}

export interface KeptModel<S extends TSchema, K extends Kinds> {
  readonly facts: Static<S>
  readonly arrays: { readonly [N in keyof K]: ArrayKinds[K[N]] }
}

/** Arrays start at multiples of this, so that they can be read in place. */
const ALIGNMENT = 8

/** A value per parameter, as {@link checkRequest} returns them. */
export const PARAMETERS = Type.Record(Type.String(), Type.Number())

/** A whole number of things, bounded so that a damaged file cannot ask for all memory. */
export function size(minimum = 0, maximum = 2 ** 26): ReturnType<typeof Type.Integer> {
  return Type.Integer({ minimum, maximum })
}

export function saveModel<S extends TSchema, K extends Kinds>(
  format: ModelFormat<S, K>,
  { facts, arrays }: KeptModel<S, K>,
): SavedPredictor {
  const { starts, end } = layOut(format, facts)
  const bytes = new Uint8Array(end)
  for (const [name, start] of starts) {
    const { buffer, byteOffset, byteLength } = arrays[name]
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), start)
  }
  const kept = { learner: format.learner, order: endianness(), facts }
  return { description: kept, bytes }
}

/** @throws LimnError ERR_MODEL_CORRUPT: another learner's, impossible facts, or other numbers than said */
export function loadModel<S extends TSchema, K extends Kinds>(
  format: ModelFormat<S, K>,
  { description, bytes }: SavedPredictor,
): KeptModel<S, K> {
  const { learner, order, facts } = description
  if (learner !== format.learner) throw corrupt(format, `is one of "${String(learner)}"`)
  if (order !== endianness()) throw corrupt(format, 'comes from a machine with another byte order')
  if (!Value.Check(format.facts, facts)) throw corrupt(format, 'describes an impossible model')
  const { starts, lengths, end } = layOut(format, facts)
  if (bytes.length !== end) throw corrupt(format, `has ${bytes.length} bytes, not ${end}`)
  const { buffer } = bytes.slice()
  const arrays = starts.map(([name, start]) => {
    const array = view(format.arrays[name], buffer, { start, length: lengths[name] })
    if (!array.every(Number.isFinite)) throw corrupt(format, 'has a number that is not finite')
    return [name, array] as const
  })
  return { facts, arrays: Object.fromEntries(arrays) as KeptModel<S, K>['arrays'] }
}

function layOut<S extends TSchema, K extends Kinds>(format: ModelFormat<S, K>, facts: Static<S>) {
  const lengths = format.lengths(facts)
  const starts: [keyof K, number][] = []
  let end = 0
  for (const name of Object.keys(format.arrays) as (keyof K)[]) {
    starts.push([name, end])
    const bytes = lengths[name] * (format.arrays[name] === 'f64' ? 8 : 4)
    end += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
  }
  return { starts, lengths, end }
}

function view(
  kind: keyof ArrayKinds,
  buffer: ArrayBuffer,
  { start, length }: { readonly start: number; readonly length: number },
): Float64Array | Float32Array | Uint32Array {
  if (kind === 'f64') return new Float64Array(buffer, start, length)
  if (kind === 'f32') return new Float32Array(buffer, start, length)
  return new Uint32Array(buffer, start, length)
}

function corrupt({ learner }: { readonly learner: string }, reason: string): LimnError {
  return new LimnError('ERR_MODEL_CORRUPT', `the model of ${learner} ${reason}`)
}
