export interface NelderMeadOptions {
  /** Distance from the start to each other corner of the first simplex. */
  readonly step: number
  readonly evaluationsMax: number
  /** Ends when the corners' values differ by less than this, relative to their size. */
  readonly tolerance: number
  /** Called between evaluations; true ends the search with the best so far. */
  readonly pause: () => Promise<boolean>
}

export interface Minimum {
  readonly point: readonly number[]
  readonly value: number
  readonly evaluations: number
}

interface Corner {
  readonly point: readonly number[]
  readonly value: number
}

/**
 * The minimum of a function of few variables without derivatives (Nelder and Mead, A simplex method
 * for function minimization, The Computer Journal 7, 1965, with its coefficients 1, 2, 1/2 and 1/2).
 * A value that is not a number counts as infinite. Deterministic.
 */
export async function nelderMead(
  objective: (point: readonly number[]) => number,
  start: readonly number[],
  options: NelderMeadOptions,
): Promise<Minimum> {
  let evaluations = 0
  const at = (point: readonly number[]): Corner => {
    evaluations++
    const value = objective(point)
    return { point, value: Number.isNaN(value) ? Number.POSITIVE_INFINITY : value }
  }
  const moved = start.map((_, i) => start.map((value, j) => value + (i === j ? options.step : 0)))
  const simplex = [start, ...moved].map(at).sort(byValue)
  while (evaluations < options.evaluationsMax && !flat(simplex, options.tolerance)) {
    if (await options.pause()) break
    improve(simplex, at)
    simplex.sort(byValue)
  }
  return { ...simplex[0], evaluations }
}

/** Replaces the worst corner, or shrinks the simplex towards the best. `simplex` is sorted. */
function improve(simplex: Corner[], at: (point: readonly number[]) => Corner): void {
  const last = simplex.length - 1
  const [best, worst] = [simplex[0], simplex[last]]
  const centre = best.point.map((_, i) => {
    return simplex.slice(0, last).reduce((sum, corner) => sum + corner.point[i], 0) / last
  })
  const along = (factor: number): Corner =>
    at(centre.map((value, i) => value + factor * (value - worst.point[i])))

  const reflected = along(1)
  if (reflected.value < best.value) {
    const expanded = along(2)
    simplex[last] = expanded.value < reflected.value ? expanded : reflected
    return
  }
  if (reflected.value < simplex[last - 1].value) {
    simplex[last] = reflected
    return
  }
  const contracted = along(reflected.value < worst.value ? 0.5 : -0.5)
  if (contracted.value < Math.min(reflected.value, worst.value)) {
    simplex[last] = contracted
    return
  }
  for (let i = 1; i <= last; i++) {
    simplex[i] = at(simplex[i].point.map((value, j) => (value + best.point[j]) / 2))
  }
}

function flat(simplex: readonly Corner[], tolerance: number): boolean {
  const [first, last] = [simplex[0].value, simplex[simplex.length - 1].value]
  return last - first <= tolerance * (Math.abs(first) + tolerance)
}

function byValue(a: Corner, b: Corner): number {
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
}
