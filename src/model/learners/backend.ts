import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'

export type TensorFlow = typeof import('@tensorflow/tfjs-core')
export type Tensor = import('@tensorflow/tfjs-core').Tensor
export type Tensor1D = import('@tensorflow/tfjs-core').Tensor1D
export type Tensor2D = import('@tensorflow/tfjs-core').Tensor2D

const BACKENDS = ['tensorflow', 'wasm', 'cpu'] as const
export type BackendName = (typeof BACKENDS)[number]

export interface Backend {
  readonly name: BackendName
  readonly tf: TensorFlow
}

/** Not a dependency: its native library is downloaded on installation. Used where present. */
const NATIVE_PACKAGE = '@tensorflow/tfjs-node'
const WASM_PACKAGE = '@tensorflow/tfjs-backend-wasm'

/**
 * Loads TensorFlow.js with the fastest backend that works here: the native library, else
 * WebAssembly (SIMD, one thread: the shards are the parallelism), else plain JavaScript.
 * Loading again in the same thread costs nothing. Asynchronous and slow (about 0.3 s) the first
 * time: never on the serving path.
 *
 * @param only tries this backend alone
 * @throws LimnError ERR_MODEL_BACKEND when none loads
 */
export function loadBackend(only?: BackendName): Promise<Backend> {
  const loaded = loading.last.then(() => load(only))
  loading.last = loaded.catch(() => undefined)
  return loaded
}

/** A thread has one TensorFlow.js with one active backend: two must not be started at once. */
const loading: { last: Promise<unknown> } = { last: Promise.resolve() }

async function load(only?: BackendName): Promise<Backend> {
  const reasons: string[] = []
  for (const name of only === undefined ? BACKENDS : [only]) {
    try {
      const tf = await LOADERS[name]()
      tf.enableProdMode()
      return { name, tf }
    } catch (error) {
      reasons.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new LimnError('ERR_MODEL_BACKEND', `no TensorFlow.js backend loads (${reasons.join('; ')})`)
}

/** `activation(a × b + bias)` in one operation. */
export function fusedMatMul(
  tf: TensorFlow,
  operands: { a: Tensor2D; b: Tensor2D; bias: Tensor1D; activation: 'relu' | 'linear' },
): Tensor2D {
  return tf.fused.matMul(operands) as Tensor2D
}

const LOADERS: Readonly<Record<BackendName, () => Promise<TensorFlow>>> = {
  async tensorflow() {
    const native: string = NATIVE_PACKAGE
    const tf = (await import(native)) as TensorFlow
    return activate(tf, 'tensorflow')
  },
  async wasm() {
    const tf = await import('@tensorflow/tfjs-core')
    const wasm = await import('@tensorflow/tfjs-backend-wasm')
    const main = createRequire(import.meta.url).resolve(WASM_PACKAGE)
    wasm.setThreadsCount(1)
    if (tf.getBackend() !== 'wasm') wasm.setWasmPaths(dirname(main) + sep)
    return activate(tf, 'wasm')
  },
  async cpu() {
    const tf = await import('@tensorflow/tfjs-core')
    await import('@tensorflow/tfjs-backend-cpu')
    return activate(tf, 'cpu')
  },
}

async function activate(tf: TensorFlow, name: string): Promise<TensorFlow> {
  if (tf.getBackend() === name) return tf
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} does not start`)
  await tf.ready()
  return tf
}
