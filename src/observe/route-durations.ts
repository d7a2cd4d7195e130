/** Upper bounds in seconds; a request falls into the first that is not below it. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

interface Series {
  readonly labels: string
  /** One for each bound and one for above. */
  readonly counts: Float64Array
  sum: number
}

/**
 * A histogram of request durations by route template and status class. Kept by hand because it is
 * on the path of every look-up: observing costs no allocation and no hashing of labels.
 */
export class RouteDurations {
  readonly #name: string
  readonly #routes: {
    readonly method: string
    readonly route: string
    readonly byClass: (Series | null)[]
  }[] = []

  constructor(name: string) {
    this.#name = name
  }

  /** Registers a route template; the number is for {@link observe}. */
  add(method: string, route: string): number {
    this.#routes.push({ method, route, byClass: [null, null, null, null, null, null] })
    return this.#routes.length - 1
  }

  observe(route: number, status: number, seconds: number): void {
    const entry = this.#routes[route]
    if (entry === undefined) return
    const statusClass = Math.trunc(status / 100)
    const series = (entry.byClass[statusClass] ??= emptySeries(entry, statusClass))
    let bucket = 0
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] ?? 0)) bucket += 1
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
    series.sum += seconds
  }

  render(): string {
    let text = `# HELP ${this.#name} From a request's head to its answer\n# TYPE ${this.#name} histogram\n`
    for (const { byClass } of this.#routes) {
      for (const series of byClass) if (series !== null) text += this.#renderSeries(series)
    }
    return text
  }

  #renderSeries({ labels, counts, sum }: Series): string {
    let text = ''
    let total = 0
    for (const [bucket, count] of counts.entries()) {
      total += count
      text += `${this.#name}_bucket{${labels},le="${BOUNDS[bucket] ?? '+Inf'}"} ${total}\n`
    }
    return `${text}${this.#name}_sum{${labels}} ${sum}\n${this.#name}_count{${labels}} ${total}\n`
  }
}

function emptySeries(
  entry: { readonly method: string; readonly route: string },
  statusClass: number,
): Series {
  return {
    labels: `method="${entry.method}",route="${entry.route}",status="${statusClass}xx"`,
    counts: new Float64Array(BOUNDS.length + 1),
    sum: 0,
  }
}
