import { hashKey, shardOfHash } from './hash.ts'
import { KEY_KIND } from './record.ts'
import type { Hash64 } from './hash.ts'
import type { KeyKind } from './record.ts'

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
  if (key.kind === KEY_KIND.rename) return `rename:${key.key}`
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
