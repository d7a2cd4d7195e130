import { simulate } from './simulation.ts'
import type { SimulationOptions, SimulationResult } from './simulation.ts'

/** Runs that a search for a shorter one may take. */
const RUNS_MAX = 12

/**
 * The fewest operations, as far as a search by halves finds them, after which a seed breaks one of the
 * promises that it broke; operations before the last are the same.
 */
export async function shrink(options: SimulationOptions, found: SimulationResult): Promise<number> {
  const broken = new Set(found.broken.map(({ promise }) => promise))
  let enough = found.operations
  let few = 0
  for (let i = 0; i < RUNS_MAX && enough - few > 1; i++) {
    const operations = (enough + few) >> 1
    const result = await simulate({ ...options, operations })
    if (result.broken.some(({ promise }) => broken.has(promise))) enough = operations
    else few = operations
  }
  return enough
}
