import type { KeyKind } from './record.ts'

/** A 64-bit hash as two unsigned 32-bit halves; two murmur3-style lanes over bytes. */
export interface Hash64 {
  low: number
  high: number
}

/**
 * Hashes `bytes[start, end)`. `seed` separates uses (a key's kind, message ids).
 * Never 0,0: that pair means "none".
 */
export function hashBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  seed: number,
  out: Hash64,
): void {
  let a = (0x9747b28c ^ seed) | 0
  let b = (0x85ebca6b + Math.imul(seed, 0x27d4eb2f)) | 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(((b << 5) | (b >>> 27)) ^ byte, 0x5bd1e995)
  }
  a ^= end - start
  a = Math.imul(a ^ (a >>> 16) ^ b, 0x85ebca6b)
  b = Math.imul(b ^ (b >>> 15) ^ a, 0xc2b2ae35)
  a = Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 13) ^ a, 0x27d4eb2f)
  out.low = (a ^ (a >>> 16)) >>> 0
  out.high = (b ^ (b >>> 16)) >>> 0
  if (out.low === 0 && out.high === 0) out.low = 1
}

/** The shard that owns a key. */
export function shardOfHash(keyHashHigh: number, shardCount: number): number {
  return keyHashHigh % shardCount
}

const encoder = new TextEncoder()

/** Longest text that is worth to handle character by character instead of through an encoder. */
export const SHORT_CHARACTERS = 96

/** Hash of a key of the given kind, as records carry it. */
export function hashKey(kind: KeyKind, key: string): Hash64 {
  const out = { low: 0, high: 0 }
  hashKeyInto(kind, key, out)
  return out
}

const shortKey = new Uint8Array(SHORT_CHARACTERS)

/** {@link hashKey} without an allocation for short ASCII keys. */
export function hashKeyInto(kind: KeyKind, key: string, out: Hash64): void {
  const length = key.length
  let ascii = length <= SHORT_CHARACTERS
  for (let i = 0; ascii && i < length; i++) {
    const code = key.charCodeAt(i)
    shortKey[i] = code
    ascii = code < 128
  }
  const bytes = ascii ? shortKey : encoder.encode(key)
  hashBytes(bytes, 0, ascii ? length : bytes.length, kind, out)
}
