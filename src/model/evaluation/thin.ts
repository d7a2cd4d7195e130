/** A point of a curve: across, up, and what belongs to it (a threshold, a count of rows). */
export type Point = readonly [number, number, ...number[]]

export const POINTS_MAX = 200

/**
 * At most `most` points of a curve: first and last, and those between at even distances along it, so
 * that its steep parts keep their shape.
 */
export function thin<P extends Point>(points: readonly P[], most = POINTS_MAX): P[] {
  if (points.length <= most) return [...points]
  const lengths = new Float64Array(points.length)
  for (let i = 1; i < points.length; i++) {
    const [x, y] = points[i]
    lengths[i] = lengths[i - 1] + Math.abs(x - points[i - 1][0]) + Math.abs(y - points[i - 1][1])
  }
  const step = lengths[points.length - 1] / (most - 1)
  const kept: P[] = [points[0]]
  for (let i = 1; i < points.length - 1; i++) {
    if (lengths[i] >= kept.length * step && kept.length < most - 1) kept.push(points[i])
  }
  kept.push(points[points.length - 1])
  return kept
}
