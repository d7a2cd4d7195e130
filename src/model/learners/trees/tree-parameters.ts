import { parameter, type Parameter } from '../learner.ts'

/** Parameters that several learners of trees have, each with its own default and grid. */

export function depthParameter(
  value: number,
  { max, grid, note = '' }: { max: number; grid: readonly number[]; note?: string },
): Parameter {
  const description = `Splits between root and leaf at most${note}`
  return parameter(description, value, { min: 1, max, whole: true, grid })
}

/** Of trees that count rows. */
export function rowWeightParameter(value: number, grid: readonly number[]): Parameter {
  return leafWeightParameter('Least weight in a leaf: rows where each weighs 1', value, grid)
}

export function leafWeightParameter(
  description: string,
  value: number,
  grid: readonly number[],
): Parameter {
  return parameter(description, value, { min: 0.001, max: 1e9, grid, logarithmic: true })
}

export function penaltyParameter(
  description: string,
  { grid, logarithmic = false }: { grid: readonly number[]; logarithmic?: boolean },
): Parameter {
  return parameter(description, 1, { min: 0, max: 1e9, grid, logarithmic })
}

/** What of a whole is drawn. */
export function shareParameter(
  description: string,
  value: number,
  { min, grid }: { min: number; grid: readonly number[] },
): Parameter {
  return parameter(description, value, { min, max: 1, grid })
}

/** Of learners that add trees until that stops helping. */
export function boostingParameters({
  rounds,
  learningRate,
}: {
  readonly rounds: { readonly description: string; readonly value: number }
  readonly learningRate: { readonly value: number; readonly grid: readonly number[] }
}): Readonly<Record<'rounds' | 'patience' | 'learningRate', Parameter>> {
  const whole = { min: 1, max: 5_000, whole: true }
  return {
    rounds: parameter(rounds.description, rounds.value, whole),
    patience: parameter(
      'Rounds without a lower validation loss after which fitting ends',
      30,
      whole,
    ),
    learningRate: parameter('Share of each step that is taken', learningRate.value, {
      min: 0.001,
      max: 1,
      grid: learningRate.grid,
      logarithmic: true,
    }),
  }
}
