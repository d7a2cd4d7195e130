import { endianness } from 'node:os'
import { LAYER_SIZE_MAX, networkParameters, type DenseModel } from './network.ts'
import { preparedWidth } from './preparation.ts'

/** What a reader must know to lay out the weights file. */
export interface ModelShape {
  /** Raw columns. */
  readonly width: number
  readonly logarithmic: readonly number[]
  readonly indicators: readonly number[]
  readonly sizes: readonly number[]
}

export function describeModel({ preparation, network }: DenseModel): ModelShape {
  return {
    width: preparation.width,
    logarithmic: [...preparation.logarithmic.keys()].filter(
      (i) => preparation.logarithmic[i] === 1,
    ),
    indicators: [...preparation.indicators],
    sizes: network.sizes,
  }
}

/** Little-endian floats: means, scales, then per layer weights and biases. */
export function encodeModel({ preparation, network }: DenseModel): Uint8Array {
  const parts = [preparation.mean, preparation.scale]
  network.weights.forEach((weights, layer) => parts.push(weights, network.biases[layer]))
  const floats = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    floats.set(part, at)
    at += part.length
  }
  return swapWhereBigEndian(new Uint8Array(floats.buffer))
}

/** @throws Error saying what does not fit */
export function decodeModel(shape: ModelShape, bytes: Uint8Array): DenseModel {
  const { width, sizes } = shape
  const isSize = (size: number): boolean =>
    Number.isInteger(size) && size > 0 && size <= LAYER_SIZE_MAX
  if (!isSize(width) || sizes.length < 2 || !sizes.every(isSize) || sizes.at(-1) !== 1) {
    throw new Error('describes an impossible network')
  }
  const length = 2 * width + networkParameters(sizes)
  if (bytes.length !== length * 4) throw new Error(`has ${bytes.length} bytes, not ${length * 4}`)
  const floats = new Float32Array(swapWhereBigEndian(bytes.slice()).buffer)
  if (!floats.every(Number.isFinite)) throw new Error('has weights that are not finite')
  let at = 0
  const take = (size: number): Float32Array => floats.subarray(at, (at += size))
  const mean = take(width)
  const scale = take(width)
  const logarithmic = new Uint8Array(width)
  for (const column of shape.logarithmic) logarithmic[column] = 1
  const preparation = {
    width,
    logarithmic,
    mean,
    scale,
    indicators: Uint16Array.from(shape.indicators),
  }
  if (preparedWidth(preparation) !== sizes[0] || shape.indicators.some((i) => !(i < width))) {
    throw new Error('describes inputs that do not fit its first layer')
  }
  const weights: Float32Array[] = []
  const biases: Float32Array[] = []
  for (let layer = 1; layer < sizes.length; layer++) {
    weights.push(take(sizes[layer - 1] * sizes[layer]))
    biases.push(take(sizes[layer]))
  }
  return { preparation, network: { sizes, weights, biases } }
}

function swapWhereBigEndian<T extends ArrayBuffer>(bytes: Uint8Array<T>): Uint8Array<T>
function swapWhereBigEndian(bytes: Uint8Array): Uint8Array {
  if (endianness() === 'BE') Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap32()
  return bytes
}
