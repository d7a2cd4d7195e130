import type { Learner } from '../learners/learner.ts'
import type { Parameters } from '../learners/predictor.ts'
import { Random } from '../random.ts'

/**
 * Settings drawn at random, no two alike and none the defaults, so there may be fewer than wanted: one
 * value of each grid, or, on a logarithmic scale, any between its first and its last.
 */
export function drawSettings(learner: Learner, trials: number, seed: number): Parameters[] {
  const random = new Random(seed)
  const seen = new Set([keyOf(learner, {})])
  const drawn: Parameters[] = []
  for (let trial = 0; trial < trials; trial++) {
    const parameters = drawParameters(learner, random)
    const key = keyOf(learner, parameters)
    if (!seen.has(key)) drawn.push(parameters)
    seen.add(key)
  }
  return drawn
}

/**
 * Combinations of the parameters' grids but for the defaults: all in order, the last parameter
 * changing first, or, where there are more than wanted, `trials` different ones in a drawn order.
 */
export function gridSettings(learner: Learner, trials: number, seed: number): Parameters[] {
  const grids = Object.entries(learner.parameters).filter(([, { grid }]) => grid.length > 1)
  const total = grids.reduce((product, [, { grid }]) => product * grid.length, 1)
  const defaults = placeOf(grids)
  const others = defaults === null ? total : total - 1
  const chosen =
    others <= trials
      ? Array.from({ length: others }, (_, i) => i)
      : drawDifferent(trials, others, new Random(seed))
  return chosen.map((i) => combination(grids, defaults !== null && i >= defaults ? i + 1 : i))
}

type Grids = readonly (readonly [string, Learner['parameters'][string]])[]

/** The combination at a place of their order: its digits in the grids' lengths. */
function combination(grids: Grids, place: number): Parameters {
  const digits: [string, number][] = []
  let rest = place
  for (const [name, { grid }] of grids.toReversed()) {
    digits.push([name, grid[rest % grid.length]])
    rest = Math.floor(rest / grid.length)
  }
  return Object.fromEntries(digits.reverse())
}

/** Of the defaults; null where one of them is not on its grid. */
function placeOf(grids: Grids): number | null {
  let place = 0
  for (const [, { grid, value }] of grids) {
    const at = grid.indexOf(value)
    if (at < 0) return null
    place = place * grid.length + at
  }
  return place
}

/** Floyd's sample of different numbers below `below` (CACM 30, 1987), in a drawn order. */
function drawDifferent(count: number, below: number, random: Random): number[] {
  const chosen = new Set<number>()
  for (let last = below - count; last < below; last++) {
    const drawn = Math.floor(random.next() * (last + 1))
    chosen.add(chosen.has(drawn) ? last : drawn)
  }
  const values = [...chosen]
  const order = Uint32Array.from(values.keys())
  random.shuffle(order)
  return Array.from(order, (at) => values[at])
}

function drawParameters({ parameters }: Learner, random: Random): Parameters {
  const drawn: Record<string, number> = {}
  for (const [name, { grid, whole, logarithmic }] of Object.entries(parameters)) {
    const [first, last] = [grid[0], grid[grid.length - 1]]
    if (grid.length < 2 || !(first < last)) continue
    if (logarithmic && first > 0) {
      const value = first * (last / first) ** random.next()
      drawn[name] = whole ? Math.round(value) : value
    } else drawn[name] = grid[Math.floor(random.next() * grid.length)]
  }
  return drawn
}

function keyOf({ parameters }: Learner, given: Parameters): string {
  return JSON.stringify(Object.entries(parameters).map(([name, { value }]) => given[name] ?? value))
}
