import { gunzip, gunzipSync } from 'node:zlib'
import type { ErrorValue } from '../protocol/shards.ts'
import type { HttpExchange, OwnedBytes } from './transport.ts'

/** Up to here decompression is cheaper than the hop to another thread and back. */
const SYNC_GUNZIP_BYTES_MAX = 32 * 1024

export type BodyResult =
  | { readonly body: OwnedBytes; readonly error: null }
  | { readonly body: null; readonly error: ErrorValue }

/**
 * Reads and decompresses a body of at most `bytesMax`, before and after decompression. `done` is
 * called once, unless the client goes away.
 */
export function readPlainBody(
  exchange: HttpExchange,
  bytesMax: number,
  done: (result: BodyResult) => void,
): void {
  const encoding = exchange.header('content-encoding').trim().toLowerCase()
  if (encoding !== '' && encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'x-gzip') {
    return done(
      refused('ERR_REQUEST_ENCODING', `Content-Encoding is "${encoding}"; gzip or none is allowed`),
    )
  }
  const compressed = encoding.endsWith('gzip')
  exchange.readBody(bytesMax, (body) => {
    if (body === null) done(tooLarge(bytesMax))
    else if (compressed) decompress(body, bytesMax, done)
    else done({ body, error: null })
  })
}

function decompress(body: OwnedBytes, bytesMax: number, done: (result: BodyResult) => void): void {
  const options = { maxOutputLength: bytesMax }
  if (body.byteLength > SYNC_GUNZIP_BYTES_MAX) {
    gunzip(body, options, (error, plain) => {
      done(error === null ? { body: owned(plain), error: null } : gunzipFailed(error, bytesMax))
    })
    return
  }
  let result: BodyResult
  try {
    result = { body: owned(gunzipSync(body, options)), error: null }
  } catch (error) {
    result = gunzipFailed(error, bytesMax)
  }
  done(result)
}

function owned(buffer: Uint8Array): OwnedBytes {
  const { buffer: memory, byteOffset, byteLength } = buffer
  if (memory instanceof ArrayBuffer && memory.byteLength === byteLength) {
    return new Uint8Array(memory, byteOffset, byteLength)
  }
  return new Uint8Array(buffer)
}

function gunzipFailed(error: unknown, bytesMax: number): BodyResult {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(bytesMax)
  return refused(
    'ERR_REQUEST_GZIP',
    'The body is not valid gzip data, though Content-Encoding says so',
  )
}

function tooLarge(bytesMax: number): BodyResult {
  return refused(
    'ERR_REQUEST_TOO_LARGE',
    `The body is larger than ${bytesMax} bytes; send smaller batches`,
  )
}

function refused(code: string, message: string): BodyResult {
  return { body: null, error: { code, message } }
}
