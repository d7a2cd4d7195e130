import type { Affinities } from './affinities.ts'
import type { Pace } from '../pace.ts'
import { QuadTree } from './quad-tree.ts'

/** At first neighbours are drawn together harder, so that clusters form before they spread. */
const EXAGGERATION = 12
const EXAGGERATED_SHARE = 1 / 3
const EXAGGERATED_MAX = 250
const COARSENESS = 0.5
const RATE_MIN = 50
const GAIN_MIN = 0.01

interface Descent {
  readonly places: Float64Array
  readonly affinities: Affinities
  readonly tree: QuadTree
  readonly gradient: Float64Array
  readonly velocity: Float64Array
  readonly gains: Float64Array
}

/**
 * Moves points of the plane (x, y of each, in place) until their nearness is like the affinities: t-SNE
 * (van der Maaten, Hinton 2008) with far points taken together (van der Maaten 2014), and the step that
 * Belkina and others (2019) found. Returns the Kullback-Leibler divergence. The pace counts one a round,
 * after `before`.
 */
export async function embed(
  places: Float64Array,
  affinities: Affinities,
  { rounds, pace, before }: { rounds: number; pace: Pace; before: number },
): Promise<{ readonly divergence: number; readonly rounds: number }> {
  const size = places.length
  const state: Descent = {
    places,
    affinities,
    tree: new QuadTree(),
    gradient: new Float64Array(size),
    velocity: new Float64Array(size),
    gains: new Float64Array(size).fill(1),
  }
  const exaggerated = Math.min(EXAGGERATED_MAX, Math.floor(rounds * EXAGGERATED_SHARE))
  const rate = Math.max(RATE_MIN, size / 2 / EXAGGERATION / 4)
  let nearness = 1
  let round = 0
  for (; round < rounds && (await pace.reached(before + round)); round++) {
    const early = round < exaggerated
    nearness = findGradient(state, early ? EXAGGERATION : 1)
    move(state, rate, early ? 0.5 : 0.8)
    centre(places)
  }
  return { divergence: divergenceOf(state, nearness), rounds: round }
}

/** Returns the sum of the nearness of all pairs. */
function findGradient(state: Descent, exaggeration: number): number {
  const { places, affinities, tree, gradient } = state
  const { starts, others, shares } = affinities
  const count = places.length / 2
  tree.build(places)
  const force = new Float64Array(2)
  let nearness = 0
  for (let i = 0; i < count; i++) {
    force.fill(0)
    nearness += tree.push(i, places, { coarseness: COARSENESS, force })
    gradient[2 * i] = force[0]
    gradient[2 * i + 1] = force[1]
  }
  for (let i = 0; i < count; i++) {
    let [pullX, pullY] = [0, 0]
    for (let k = starts[i]; k < starts[i + 1]; k++) {
      const dx = places[2 * i] - places[2 * others[k]]
      const dy = places[2 * i + 1] - places[2 * others[k] + 1]
      const pull = shares[k] / (1 + dx * dx + dy * dy)
      pullX += pull * dx
      pullY += pull * dy
    }
    gradient[2 * i] = 4 * (exaggeration * pullX - gradient[2 * i] / nearness)
    gradient[2 * i + 1] = 4 * (exaggeration * pullY - gradient[2 * i + 1] / nearness)
  }
  return nearness
}

function move(
  { places, gradient, velocity, gains }: Descent,
  rate: number,
  momentum: number,
): void {
  for (let i = 0; i < places.length; i++) {
    const turned = gradient[i] > 0 === velocity[i] > 0
    gains[i] = Math.max(GAIN_MIN, turned ? gains[i] * 0.8 : gains[i] + 0.2)
    velocity[i] = momentum * velocity[i] - rate * gains[i] * gradient[i]
    places[i] += velocity[i]
  }
}

function centre(places: Float64Array): void {
  for (let axis = 0; axis < 2; axis++) {
    let sum = 0
    for (let i = axis; i < places.length; i += 2) sum += places[i]
    const mean = (2 * sum) / places.length
    for (let i = axis; i < places.length; i += 2) places[i] -= mean
  }
}

function divergenceOf({ places, affinities }: Descent, nearness: number): number {
  const { starts, others, shares } = affinities
  let sum = 0
  for (let i = 0; 2 * i < places.length; i++) {
    for (let k = starts[i]; k < starts[i + 1]; k++) {
      const dx = places[2 * i] - places[2 * others[k]]
      const dy = places[2 * i + 1] - places[2 * others[k] + 1]
      sum += shares[k] * Math.log(shares[k] * nearness * (1 + dx * dx + dy * dy))
    }
  }
  return sum
}
