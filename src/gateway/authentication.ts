/** Where a request carries its key, and what the key allows. */
import type { ErrorValue } from '../protocol/shards.ts'
import { KEY_TEXT_MAX, type KeyEntry, type KeyRing, type KeyScope } from './keys.ts'

const MISSING: ErrorValue = {
  code: 'ERR_AUTH_MISSING',
  message: 'The request carries no key: send it as Basic user name, Bearer token or writeKey',
}
const WRONG: ErrorValue = { code: 'ERR_AUTH_KEY', message: 'The key is not known' }

const WRITE_KEY = Buffer.from('"writeKey"')
/** A body that hides its key behind more occurrences than this is refused. */
const WRITE_KEY_TRIES = 8
/** What is looked at after each occurrence: `: "<key>"` with some space. */
const WRITE_KEY_WINDOW = KEY_TEXT_MAX + 32

/** The key in an Authorization header; '' when it has none of a known kind. */
export function keyOfHeader(authorization: string): string {
  const space = authorization.indexOf(' ')
  const kind = authorization.slice(0, space).toLowerCase()
  const value = authorization.slice(space + 1).trim()
  if (kind === 'bearer') return value
  if (kind !== 'basic') return ''
  const decoded = Buffer.from(value, 'base64').toString('latin1')
  const colon = decoded.indexOf(':')
  return colon < 0 ? decoded : decoded.slice(0, colon)
}

/** Null when the key allows `scope`. */
export function refuseKey(keys: KeyRing, text: string, scope: KeyScope): ErrorValue | null {
  const key = authenticate(keys, text, scope)
  return 'code' in key ? key : null
}

/** The key when it allows `scope`, else why not. */
export function authenticate(keys: KeyRing, text: string, scope: KeyScope): KeyEntry | ErrorValue {
  if (text === '') return MISSING
  const key = keys.verify(text, scope)
  if (key !== null) return key
  if (!keys.knows(text)) return WRONG
  return {
    code: 'ERR_AUTH_SCOPE',
    message: `The key is known but does not have the scope "${scope}"`,
  }
}

/** A write key found in a JSON body without parsing it; null when it holds none that is valid. */
export function findWriteKey(body: Uint8Array<ArrayBuffer>, keys: KeyRing): string | null {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  let from = 0
  for (let tries = 0; tries < WRITE_KEY_TRIES; tries += 1) {
    const at = buffer.indexOf(WRITE_KEY, from)
    if (at < 0) return null
    from = at + WRITE_KEY.byteLength
    const text = /^\s*:\s*"([^"\\]+)"/.exec(
      buffer.toString('latin1', from, from + WRITE_KEY_WINDOW),
    )?.[1]
    if (text !== undefined && keys.verify(text, 'write') !== null) return text
  }
  return null
}
