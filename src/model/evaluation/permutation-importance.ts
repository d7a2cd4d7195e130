import { setImmediate } from 'node:timers/promises'
import type { Examples } from '../learners/learner.ts'
import type { Predictor } from '../learners/predictor.ts'
import { Random } from '../random.ts'

export interface ImportanceOptions {
  /** What outputs of all rows are worth; more is better. */
  readonly score: (outputs: Float32Array) => number
  readonly seed: number
  /** Shuffles of each group. */
  readonly repeats: number
  /** Inputs that are shuffled together, such as the flags of one column; default: each alone. */
  readonly groups?: readonly (readonly number[])[]
  readonly signal?: AbortSignal
}

export interface Importance {
  /** Mean fall of the score, by group; about 0 or below: the model does without. */
  readonly mean: Float64Array
  /** Standard deviation between shuffles. */
  readonly deviation: Float64Array
}

/**
 * Permutation importance (Breiman, Random Forests, Machine Learning 45, 2001; Fisher, Rudin and
 * Dominici, JMLR 20, 2019): how far the score falls when a group of inputs has the values of other
 * rows. Inputs that say the same share their importance or hide each other's.
 *
 * Costs `groups × repeats` predictions of all rows, and a copy of them; the event loop gets its turn
 * after each. After an abort, the groups not reached have NaN.
 */
export async function permutationImportance(
  predictor: Pick<Predictor, 'predict' | 'outputs'>,
  examples: Pick<Examples, 'rows' | 'count' | 'width'>,
  options: ImportanceOptions,
): Promise<Importance> {
  const { score, repeats, seed, signal } = options
  const { count, width } = examples
  const groups = options.groups ?? Array.from({ length: width }, (_, input) => [input])
  const rows = examples.rows.slice()
  const outputs = new Float32Array(count * predictor.outputs)
  const scored = (): number => {
    predictor.predict(rows, count, outputs)
    return score(outputs)
  }
  const whole = scored()
  const random = new Random(seed)
  const order = Uint32Array.from({ length: count }, (_, row) => row)
  const mean = new Float64Array(groups.length).fill(Number.NaN)
  const deviation = new Float64Array(groups.length).fill(Number.NaN)
  for (let group = 0; group < groups.length; group++) {
    const falls: number[] = []
    for (let repeat = 0; repeat < repeats; repeat++) {
      if (signal?.aborted === true) return { mean, deviation }
      random.shuffle(order)
      copyColumns(examples, { rows, inputs: groups[group], order })
      falls.push(whole - scored())
      await setImmediate()
    }
    copyColumns(examples, { rows, inputs: groups[group], order: null })
    mean[group] = falls.reduce((a, b) => a + b, 0) / repeats
    const squares = falls.reduce((sum, fall) => sum + (fall - mean[group]) ** 2, 0)
    deviation[group] = Math.sqrt(squares / repeats)
  }
  return { mean, deviation }
}

interface Target {
  readonly rows: Float32Array
  readonly inputs: readonly number[]
  /** Which row's values each row gets; null: its own. */
  readonly order: Uint32Array | null
}

function copyColumns(
  { rows: source, count, width }: Pick<Examples, 'rows' | 'count' | 'width'>,
  { rows, inputs, order }: Target,
): void {
  for (let row = 0; row < count; row++) {
    const from = (order === null ? row : order[row]) * width
    for (const input of inputs) rows[row * width + input] = source[from + input]
  }
}
