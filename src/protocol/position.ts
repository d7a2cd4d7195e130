/** `shard:sequence[,shard:sequence…]` */
export function formatPosition(positions: Iterable<readonly [number, number]>): string {
  return [...positions].map(([shard, sequence]) => `${shard}:${sequence}`).join(',')
}

/** The sequence that a position names for a shard, or -1 when it names none; null when malformed. */
export function sequenceIn(position: string, shard: number): number | null {
  if (position === '') return -1
  let found = -1
  for (const part of position.split(',')) {
    const match = /^(\d{1,5}):(\d{1,15})$/.exec(part)
    if (match === null) return null
    if (Number(match[1]) === shard) found = Math.max(found, Number(match[2]))
  }
  return found
}
