/**
 * Cuts ranked rows into about `parts` parts of equally many, never inside a group of equal scores. A
 * group that is much larger than a part is one of its own.
 * @param ends position after the last of each group
 * @returns position after the last of each part
 */
export function equalParts(ends: Uint32Array, parts: number): number[] {
  const count = ends.length === 0 ? 0 : ends[ends.length - 1]
  const size = count / parts
  const cuts: number[] = []
  let start = 0
  let before = 0
  for (const end of ends) {
    if (before > start && end - start > size * 1.5) {
      cuts.push(before)
      start = before
    }
    if (end === count || end - start >= size) {
      cuts.push(end)
      start = end
    }
    before = end
  }
  return cuts
}
