/** Squares are not divided more often than this: points that are closer count as one place. */
const DEPTH_MAX = 32
const NODES_PER_POINT = 4

/**
 * Points of the plane in squares within squares, so that far ones are taken together (Barnes, Hut 1986).
 * Built anew for each look; memory is kept and grows as needed.
 */
export class QuadTree {
  private capacity = 0
  private nodes = 0
  private mass = new Float64Array(0)
  private sumX = new Float64Array(0)
  private sumY = new Float64Array(0)
  private side = new Float64Array(0)
  /** The first of four; 0: a leaf. */
  private children = new Int32Array(0)
  /** The point of a leaf with one. */
  private points = new Int32Array(0)
  private readonly stack = new Int32Array(4 * DEPTH_MAX)

  /** `places` is x, y of each point. */
  build(places: Float64Array): void {
    const [x, y] = [spanOf(places, 0), spanOf(places, 1)]
    const side = Math.max(x.high - x.low, y.high - y.low, Number.MIN_VALUE) * (1 + 1e-9)
    this.reserve((NODES_PER_POINT * places.length) / 2 + 1)
    this.nodes = 0
    this.addNode(side)
    for (let i = 0; 2 * i < places.length; i++) {
      this.insert(i, places, { x: x.low + side / 2, y: y.low + side / 2 })
    }
  }

  /**
   * Adds to `force` what all other points push a point away with; returns the sum of their nearness.
   * A square whose side is less than `coarseness` of its distance counts as one point.
   */
  push(
    point: number,
    places: Float64Array,
    { coarseness, force }: { readonly coarseness: number; readonly force: Float64Array },
  ): number {
    const { mass, sumX, sumY, side, children, points, stack } = this
    const [x, y] = [places[2 * point], places[2 * point + 1]]
    const limit = coarseness * coarseness
    let nearness = 0
    let waiting = 1
    stack[0] = 0
    while (waiting > 0) {
      const node = stack[--waiting]
      const own = mass[node]
      if (own === 0 || (own === 1 && points[node] === point)) continue
      const dx = x - sumX[node] / own
      const dy = y - sumY[node] / own
      const squared = dx * dx + dy * dy
      const first = children[node]
      if (first !== 0 && side[node] * side[node] >= limit * squared) {
        for (let k = 0; k < 4; k++) stack[waiting++] = first + k
        continue
      }
      const near = 1 / (1 + squared)
      nearness += own * near
      force[0] += own * near * near * dx
      force[1] += own * near * near * dy
    }
    return nearness
  }

  private insert(
    point: number,
    places: Float64Array,
    centre: { readonly x: number; readonly y: number },
  ): void {
    const [px, py] = [places[2 * point], places[2 * point + 1]]
    let { x, y } = centre
    let node = 0
    for (let depth = 0; ; depth++) {
      const before = this.mass[node]++
      this.sumX[node] += px
      this.sumY[node] += py
      if (before === 0) {
        this.points[node] = point
        return
      }
      if (depth === DEPTH_MAX - 1) return
      if (this.children[node] === 0) this.divide(node, places, { x, y })
      const quarter = this.side[node] / 4
      node = this.children[node] + (px >= x ? 1 : 0) + (py >= y ? 2 : 0)
      x += px >= x ? quarter : -quarter
      y += py >= y ? quarter : -quarter
    }
  }

  /** Gives a leaf four squares, and its point to one of them. */
  private divide(
    node: number,
    places: Float64Array,
    { x, y }: { readonly x: number; readonly y: number },
  ): void {
    this.reserve(this.nodes + 4)
    const side = this.side[node] / 2
    const first = this.addNode(side)
    for (let k = 1; k < 4; k++) this.addNode(side)
    const point = this.points[node]
    const [px, py] = [places[2 * point], places[2 * point + 1]]
    const child = first + (px >= x ? 1 : 0) + (py >= y ? 2 : 0)
    this.children[node] = first
    this.points[node] = -1
    this.points[child] = point
    this.mass[child] = 1
    this.sumX[child] = px
    this.sumY[child] = py
  }

  private addNode(side: number): number {
    const node = this.nodes++
    this.mass[node] = 0
    this.sumX[node] = 0
    this.sumY[node] = 0
    this.side[node] = side
    this.children[node] = 0
    this.points[node] = -1
    return node
  }

  private reserve(nodes: number): void {
    if (nodes <= this.capacity) return
    this.capacity = 2 * nodes
    const wider = (old: Float64Array<ArrayBuffer>) => {
      const array = new Float64Array(this.capacity)
      array.set(old)
      return array
    }
    this.mass = wider(this.mass)
    this.sumX = wider(this.sumX)
    this.sumY = wider(this.sumY)
    this.side = wider(this.side)
    this.children = Int32Array.from(wider(Float64Array.from(this.children)))
    this.points = Int32Array.from(wider(Float64Array.from(this.points)))
  }
}

function spanOf(places: Float64Array, from: number) {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = from; i < places.length; i += 2) {
    low = Math.min(low, places[i])
    high = Math.max(high, places[i])
  }
  return { low, high }
}
