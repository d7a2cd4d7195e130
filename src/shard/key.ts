import { hashKey, shardOfHash } from '../event/hash.ts'
import { KEY_KIND } from '../event/record.ts'
import type { Hash64 } from '../event/hash.ts'
import type { KeyKind } from '../event/record.ts'

/** The key of a profile: what kind of id, and the id. */
export interface ProfileKey {
  readonly kind: KeyKind
  readonly key: string
}

/** `user:x`, `anonymous:x`, or `x` for a user. */
export function parseKey(id: string): ProfileKey {
  if (id.startsWith('anonymous:')) return { kind: KEY_KIND.anonymous, key: id.slice(10) }
  if (id.startsWith('user:')) return { kind: KEY_KIND.user, key: id.slice(5) }
  return { kind: KEY_KIND.user, key: id }
}

export function formatKey(key: ProfileKey): string {
  return key.kind === KEY_KIND.anonymous ? `anonymous:${key.key}` : `user:${key.key}`
}

export function sameKey(a: ProfileKey, b: ProfileKey): boolean {
  return a.kind === b.kind && a.key === b.key
}

export function ownerOf(key: ProfileKey, shardCount: number): number {
  return shardOfHash(hashKey(key.kind, key.key).high, shardCount)
}

export function hashOf(key: ProfileKey): Hash64 {
  return hashKey(key.kind, key.key)
}

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
