import { crc32 } from 'node:zlib'
import { LimnError } from '../protocol/errors.ts'

/** `crc32:1a2b3c4d {…}`: JSON under a checksum, as text. */
const SEALED = /^crc32:([0-9a-f]{8}) /
const PREFIX_CHARS = 'crc32:00000000 '.length

/** A compiled schema. */
interface Schema<T> {
  Check(value: unknown): value is T
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[]
}

export interface SealedTextOptions<T> {
  readonly schema: Schema<T>
  /** What is read, as a sentence's begin. */
  readonly where: string
  /** What can be done, as a sentence's end. */
  readonly remedy: string
  /** Whether a text of before there were checksums is taken. */
  readonly unsealed: boolean
}

export function sealText(value: object): string {
  const text = JSON.stringify(value)
  return `crc32:${crc32(text).toString(16).padStart(8, '0')} ${text}`
}

export function isSealed(text: string): boolean {
  return SEALED.test(text)
}

/** The value that was sealed, checked by checksum and schema; throws `ERR_STORAGE_CORRUPT`. */
export function unsealText<T>(text: string, options: SealedTextOptions<T>): T {
  const { schema, where, remedy } = options
  const corrupt = (what: string, cause?: unknown): LimnError =>
    new LimnError('ERR_STORAGE_CORRUPT', `${where}: ${what}; ${remedy}`, { cause })
  const sum = SEALED.exec(text)?.[1]
  if (sum === undefined && !options.unsealed) throw corrupt('it has no checksum')
  const json = sum === undefined ? text : text.slice(PREFIX_CHARS)
  if (sum !== undefined && crc32(json) !== Number.parseInt(sum, 16)) {
    throw corrupt('checksum does not match')
  }
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw corrupt('it is not JSON', error)
  }
  if (schema.Check(value)) return value
  const [first] = schema.Errors(value)
  throw corrupt(`it is not what was written: ${first?.instancePath ?? ''} ${first?.message ?? ''}`)
}
