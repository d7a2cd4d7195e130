/** A rename of users that data of the first format holds: `from` is forwarded to `to`. */
export interface OldRename {
  readonly from: string
  readonly to: string
  readonly shard: number
  /** Sequence and time of its record. */
  readonly sequence: number
  readonly time: number
  /** What the record moved lies with somebody else by now. */
  readonly arrived: boolean
}

/**
 * The renames to undo so that no circle is left: of each circle the newest one. What it moved has not
 * arrived, for when it was sent all of the circle was forwarded already; where clocks say otherwise,
 * they are not believed.
 */
export function closingRenames(renames: ReadonlyMap<string, OldRename>): OldRename[] {
  const closing: OldRename[] = []
  const done = new Set<string>()
  for (const start of renames.keys()) {
    const path = new Map<string, OldRename>()
    let at = start
    while (!done.has(at) && !path.has(at)) {
      const rename = renames.get(at)
      if (rename === undefined) break
      path.set(at, rename)
      at = rename.to
    }
    if (path.has(at)) closing.push(newestOf([...path.values()], at))
    for (const user of path.keys()) done.add(user)
  }
  return closing
}

/** Of the renames on a path from where it meets itself. */
function newestOf(path: readonly OldRename[], meets: string): OldRename {
  const circle = path.slice(path.findIndex(({ from }) => from === meets))
  return circle.reduce((newest, rename) => (isNewer(rename, newest) ? rename : newest))
}

function isNewer(a: OldRename, b: OldRename): boolean {
  if (a.arrived !== b.arrived) return b.arrived
  return (a.time - b.time || a.shard - b.shard || a.sequence - b.sequence) > 0
}

/** Heights of the trees below the users of a forest. */
export function heightsOf(
  renames: ReadonlyMap<string, Pick<OldRename, 'to'>>,
): Map<string, number> {
  const heights = new Map<string, number>()
  const open = new Map<string, number>()
  for (const { to } of renames.values()) open.set(to, (open.get(to) ?? 0) + 1)
  const leaves = [...renames.keys()].filter((user) => !open.has(user))
  for (let user = leaves.pop(); user !== undefined; user = leaves.pop()) {
    const to = renames.get(user)?.to
    if (to === undefined) continue
    heights.set(to, Math.max(heights.get(to) ?? 0, (heights.get(user) ?? 0) + 1))
    const left = (open.get(to) ?? 0) - 1
    open.set(to, left)
    if (left === 0) leaves.push(to)
  }
  return heights
}
