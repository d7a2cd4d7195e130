import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Random } from '../../random.ts'
import {
  CENTRE_ARRAYS,
  CENTRE_FACTS,
  centreLengths,
  centrePredictor,
  clustersParameter,
} from './centre-model.ts'
import { LINKAGES, buildTree, cutTree } from './agglomeration.ts'
import { drawRows } from '../draw-rows.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { FitRequest, Learner } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { Pace } from '../pace.ts'
import { takeRows } from '../row-values.ts'
import { loadModel, saveModel, size } from '../saved-model.ts'
import type { KeptModel, ModelFormat } from '../saved-model.ts'
import { silhouette } from './silhouette.ts'

/** The last merges whose heights are told: where they leap, a number of clusters suggests itself. */
const HEIGHTS_SHOWN = 20

const FACTS = Type.Object({
  ...CENTRE_FACTS,
  rowsUsed: size(1),
  linkage: Type.Union([Type.Literal('ward'), Type.Literal('average'), Type.Literal('complete')]),
  whole: Type.Boolean(),
  lastHeights: Type.Array(Type.Number()),
})
const FORMAT: ModelFormat<typeof FACTS, typeof CENTRE_ARRAYS> = {
  learner: 'hierarchical',
  facts: FACTS,
  arrays: CENTRE_ARRAYS,
  lengths: centreLengths,
}

/**
 * Agglomerative clusters. New rows, and those that were not drawn, go to the nearest centre (the mean
 * of a cluster's rows), which need not be the cluster that the merging would have given them: average
 * and complete linkage make clusters of other shapes. Row weights are not used. `describe()` gives the
 * sizes, the silhouette, and the heights of the last merges, the highest first; `whole` is false where
 * merging was ended early, which leaves the largest clusters so far.
 */
export const hierarchical: Learner = {
  name: 'hierarchical',
  title: 'Hierarchical clusters',
  tasks: ['clusters'],
  form: 'dense',
  parameters: {
    clusters: clustersParameter('Number of clusters at which the tree is cut'),
    linkage: parameter('Distance of clusters: 0 Ward, 1 average, 2 complete', 0, {
      min: 0,
      max: LINKAGES.length - 1,
      whole: true,
      grid: [0, 1, 2],
    }),
    rowsMax: parameter('Rows used at most, drawn from all; memory is 4 bytes a pair', 4_000, {
      min: 10,
      max: 10_000,
      whole: true,
    }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(hierarchical, request)
    const { training, seed } = request
    const { width, count } = training
    const chosen = drawRows(count, parameters.rowsMax, new Random(seed))
    const rows = takeRows(training.rows, width, chosen)
    const linkage = LINKAGES[parameters.linkage]
    const pace = new Pace(request, 2 * chosen.length)
    const merges = await buildTree({ rows, width, linkage }, pace)
    pace.finish()
    const clusterOf = cutTree(merges, chosen.length, parameters.clusters)
    const whole = merges.length === chosen.length - 1
    const { centres, sizes } = meansOf(rows, width, { clusterOf, most: parameters.clusters })
    const facts = {
      width,
      clusters: sizes.length,
      rows: count,
      rowsUsed: chosen.length,
      linkage,
      sizes,
      whole,
      silhouette: whole ? silhouette({ rows, width }, clusterOf, seed) : null,
      lastHeights: merges
        .slice(-HEIGHTS_SHOWN)
        .map(({ height }) => height)
        .reverse(),
      parameters,
    }
    return open({ facts, arrays: { centres } })
  },

  async load(saved) {
    return open(loadModel(FORMAT, saved))
  },
}

/** Of the `most` largest clusters: there are more where merging was ended early. */
function meansOf(
  rows: Float32Array,
  width: number,
  { clusterOf, most }: { readonly clusterOf: Uint32Array; readonly most: number },
) {
  const clusters = Math.min(most, clusterOf.reduce((last, one) => Math.max(last, one), 0) + 1)
  const sizes = Array.from({ length: clusters }, () => 0)
  const sums = new Float64Array(clusters * width)
  clusterOf.forEach((cluster, row) => {
    if (cluster >= clusters) return
    sizes[cluster]++
    for (let i = 0; i < width; i++) sums[cluster * width + i] += rows[row * width + i]
  })
  const centres = Float32Array.from(sums, (sum, i) => sum / sizes[Math.floor(i / width)])
  return { centres, sizes }
}

function open(model: KeptModel<typeof FACTS, typeof CENTRE_ARRAYS>): Predictor {
  const { width, ...found }: Static<typeof FACTS> = model.facts
  const shape = { width, clusters: found.clusters, centres: model.arrays.centres }
  return centrePredictor(hierarchical.name, shape, {
    save: () => saveModel(FORMAT, model),
    describe: () => ({ ...found, newRows: 'nearest centre' }),
  })
}
