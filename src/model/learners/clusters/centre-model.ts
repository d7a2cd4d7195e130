import { Type } from 'typebox'
import { parameter, type Parameter } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { PARAMETERS, size } from '../saved-model.ts'
import { distancesTo } from './centres.ts'

/** What models keep whose clusters are known by their centres. */
export const CENTRE_FACTS = {
  width: size(1),
  clusters: size(1),
  rows: size(1),
  sizes: Type.Array(size()),
  silhouette: Type.Union([Type.Number(), Type.Null()]),
  parameters: PARAMETERS,
}

export const CENTRE_ARRAYS = { centres: 'f32' } as const

interface CentreShape {
  readonly width: number
  readonly clusters: number
}

export function centreLengths({ width, clusters }: CentreShape): { readonly centres: number } {
  return { centres: width * clusters }
}

export function clustersParameter(description: string): Parameter {
  return parameter(description, 5, {
    min: 1,
    max: 1_000,
    whole: true,
    grid: [2, 3, 4, 5, 6, 8, 10, 12],
  })
}

/** Tells how far a row is from each centre. */
export function centrePredictor(
  learner: string,
  { width, clusters, centres }: CentreShape & { readonly centres: Float32Array },
  own: Pick<Predictor, 'save' | 'describe'>,
): Predictor {
  return {
    learner,
    task: 'clusters',
    width,
    outputs: clusters,
    predict: distancesTo({ width, clusters, values: centres }),
    ...own,
    importance: () => null,
    dispose: () => undefined,
  }
}
