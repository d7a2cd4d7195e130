/**
 * Finds a route by method and path. Patterns are literal segments and `{name}` segments, a literal
 * wins over a name; a look-up allocates only the parameters.
 */
export interface Routed<Target> {
  readonly target: Target
  /** Percent-encoded, in the pattern's order. */
  readonly parameters: readonly string[]
}

interface RouteNode<Target> {
  readonly literals: Map<string, RouteNode<Target>>
  named: RouteNode<Target> | null
  readonly targets: Map<string, Target>
}

const NO_PARAMETERS: readonly string[] = []

export class Router<Target> {
  readonly #root: RouteNode<Target> = emptyNode()
  readonly #exact = new Map<string, RouteNode<Target>>()

  add(method: string, pattern: string, target: Target): void {
    let node = this.#root
    for (const segment of pattern.slice(1).split('/')) node = child(node, segment)
    if (node.targets.has(method)) throw new Error(`two routes for ${method} ${pattern}`)
    node.targets.set(method, target)
    if (!pattern.includes('{')) this.#exact.set(pattern, node)
  }

  /** The route, or the methods that the path has instead, or null when no route has the path. */
  find(method: string, path: string): Routed<Target> | readonly string[] | null {
    const exact = this.#exact.get(path)
    const parameters = exact === undefined ? [] : NO_PARAMETERS
    const node = exact ?? this.#walk(path, parameters as string[])
    if (node === null || node.targets.size === 0) return null
    const target = node.targets.get(method)
    return target === undefined ? [...node.targets.keys()] : { target, parameters }
  }

  #walk(path: string, parameters: string[]): RouteNode<Target> | null {
    let node = this.#root
    let start = 1
    while (start <= path.length) {
      const slash = path.indexOf('/', start)
      const end = slash < 0 ? path.length : slash
      const segment = path.slice(start, end)
      const literal = node.literals.get(segment)
      if (literal === undefined) {
        if (node.named === null || segment === '') return null
        parameters.push(segment)
      }
      node = literal ?? node.named ?? node
      start = end + 1
    }
    return node
  }
}

function emptyNode<Target>(): RouteNode<Target> {
  return { literals: new Map(), named: null, targets: new Map() }
}

function child<Target>(node: RouteNode<Target>, segment: string): RouteNode<Target> {
  if (segment.startsWith('{')) return (node.named ??= emptyNode())
  const known = node.literals.get(segment)
  if (known !== undefined) return known
  const made = emptyNode<Target>()
  node.literals.set(segment, made)
  return made
}
