import { hashBytes } from '../event/hash.ts'

/** Seed of the hash of texts: the interner's own, so that a code costs it nothing. */
export const TEXT_SEED = 11

/** Codes are 0 … 2^24 − 1, which a 32-bit float holds exactly. */
const CODE_BITS = 24

/**
 * A text as a number for a feature vector: the upper 24 bits of the low half of the 64-bit hash of
 * its UTF-8 bytes. The same in every process and on every machine, so a code seen in training means
 * the same text in serving. NaN for the empty text, which is none.
 *
 * Two given texts share a code with a chance of 2^−24 (6·10^−8); among n texts, n·(n − 1) / 2^25
 * pairs are to be expected: none among 1,000 (chance of any: 3 %), 3 among 10,000.
 */
export function categoryCode(text: string): number {
  if (text === '') return Number.NaN
  const bytes = encoder.encode(text)
  const hash = { low: 0, high: 0 }
  hashBytes(bytes, 0, bytes.length, TEXT_SEED, hash)
  return codeOfHash(hash.low)
}

/** The code of a text of which the hash with {@link TEXT_SEED} is known. */
export function codeOfHash(low: number): number {
  return low >>> (32 - CODE_BITS)
}

const encoder = new TextEncoder()
