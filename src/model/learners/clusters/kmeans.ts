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
import { nearestCentre } from './centres.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { Examples, FitRequest, Learner } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { improve, seedCentres } from './lloyd.ts'
import type { Points } from './lloyd.ts'
import { Pace } from '../pace.ts'
import { readRow } from '../row-values.ts'
import { loadModel, saveModel, size } from '../saved-model.ts'
import type { KeptModel, ModelFormat } from '../saved-model.ts'
import { silhouette } from './silhouette.ts'

const FACTS = Type.Object({
  ...CENTRE_FACTS,
  inertia: Type.Number(),
  explained: Type.Number(),
  rounds: size(),
  converged: Type.Boolean(),
})
const FORMAT: ModelFormat<typeof FACTS, typeof CENTRE_ARRAYS> = {
  learner: 'kmeans',
  facts: FACTS,
  arrays: CENTRE_ARRAYS,
  lengths: centreLengths,
}

/**
 * Lloyd's k-means from k-means++ centres, the best of several starts. Clusters are numbered from the
 * largest; there are fewer than asked for where there are fewer different rows. `describe()` gives the
 * inertia, the share of the variance that the clusters explain, the silhouette, and the sizes.
 */
export const kmeans: Learner = {
  name: 'kmeans',
  title: 'K-means clusters',
  tasks: ['clusters'],
  form: 'dense',
  parameters: {
    clusters: clustersParameter('Number of clusters'),
    restarts: parameter('Starts from other centres, of which the best is kept', 8, {
      min: 1,
      max: 100,
      whole: true,
    }),
    rounds: parameter('Rounds of one start, at most', 100, { min: 1, max: 10_000, whole: true }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(kmeans, request)
    const { training, seed } = request
    const points = readPoints(training)
    const { rounds, converged, ...best } = await search(request, points, parameters)
    const { centres, sizes, clusterOf, inertia } = bySize(points, best.centres)
    const whole = improve(points, meanOf(points)).inertia
    const facts = {
      width: training.width,
      clusters: sizes.length,
      rows: training.count,
      sizes,
      inertia,
      explained: whole > 0 ? 1 - inertia / whole : 0,
      silhouette: silhouette(training, clusterOf, seed),
      rounds,
      converged,
      parameters,
    }
    return open({ facts, arrays: { centres } })
  },

  async load(saved) {
    return open(loadModel(FORMAT, saved))
  },
}

interface Best {
  readonly centres: Float64Array
  readonly inertia: number
  readonly rounds: number
  readonly converged: boolean
}

async function search(
  request: FitRequest,
  points: Points,
  { clusters, restarts, rounds: roundsMax }: Readonly<Record<string, number>>,
): Promise<Best> {
  const random = new Random(request.seed)
  const pace = new Pace(request, restarts * roundsMax)
  let best: Best | null = null
  for (let start = 0; start < restarts; start++) {
    let centres = seedCentres(points, Math.min(clusters, points.count), random)
    let inertia = Number.POSITIVE_INFINITY
    let converged = false
    let rounds = 0
    while (rounds < roundsMax && !converged) {
      const improved = improve(points, centres)
      converged = improved.inertia >= inertia
      inertia = Math.min(inertia, improved.inertia)
      if (!converged) centres = improved.centres
      rounds++
      if (!(await pace.reached(start * roundsMax + rounds))) break
    }
    if (best === null || inertia < best.inertia) best = { centres, inertia, rounds, converged }
    if (pace.stopped) break
  }
  pace.finish()
  return best ?? { centres: meanOf(points), inertia: 0, rounds: 0, converged: false }
}

function readPoints({ rows, width, count, weights }: Examples): Points {
  const values = new Float64Array(rows.length)
  for (let row = 0; row < count; row++) {
    readRow(rows, row * width, values.subarray(row * width, (row + 1) * width))
  }
  return { width, count, values, weights }
}

function meanOf({ width, count, values, weights }: Points): Float64Array {
  const mean = new Float64Array(width)
  let total = 0
  for (let i = 0; i < count; i++) {
    const weight = weights?.[i] ?? 1
    total += weight
    for (let j = 0; j < width; j++) mean[j] += weight * values[i * width + j]
  }
  return mean.map((sum) => sum / total)
}

/** As they are kept, in 32 bits; clusters without rows are left out. */
function bySize(points: Points, given: Float64Array) {
  const { width } = points
  const rounded = Float32Array.from(given)
  const first = assign(points, rounded)
  const order = [...first.sizes.keys()]
    .filter((cluster) => first.sizes[cluster] > 0)
    .sort((a, b) => first.sizes[b] - first.sizes[a] || a - b)
  const centres = new Float32Array(order.length * width)
  order.forEach((cluster, i) => {
    centres.set(rounded.subarray(cluster * width, (cluster + 1) * width), i * width)
  })
  return { centres, ...assign(points, centres) }
}

function assign({ width, count, values, weights }: Points, centres: Float32Array) {
  const clusterOf = new Uint32Array(count)
  const sizes = Array.from({ length: centres.length / width }, () => 0)
  let inertia = 0
  for (let i = 0; i < count; i++) {
    const row = values.subarray(i * width, (i + 1) * width)
    const { cluster, squared } = nearestCentre(row, centres, sizes.length)
    clusterOf[i] = cluster
    sizes[cluster]++
    inertia += squared * (weights?.[i] ?? 1)
  }
  return { clusterOf, sizes, inertia }
}

function open(model: KeptModel<typeof FACTS, typeof CENTRE_ARRAYS>): Predictor {
  const { width, ...found }: Static<typeof FACTS> = model.facts
  const shape = { width, clusters: found.clusters, centres: model.arrays.centres }
  return centrePredictor(kmeans.name, shape, {
    save: () => saveModel(FORMAT, model),
    describe: () => found,
  })
}
