import { LimnError } from '../protocol/errors.ts'

/** `ERR_TRAIT_INVALID`, naming the trait. */
export function invalid(name: string, why: string): LimnError {
  return new LimnError('ERR_TRAIT_INVALID', `trait ${name}: ${why}`)
}
