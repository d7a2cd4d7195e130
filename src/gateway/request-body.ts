import { createGunzip, gunzipSync } from 'node:zlib'
import type { ErrorValue } from '../protocol/shards.ts'
import { BodyCollector } from './body-collector.ts'
import type { ArrivingBody, BodyIntake, BodyResult } from './body-intake.ts'
import type { ByteClaim } from './byte-budget.ts'
import type { BodyProblem, HttpExchange, OwnedBytes } from './transport.ts'

/** Up to here decompression is cheaper than the hop to another thread and back. */
const SYNC_GUNZIP_BYTES_MAX = 32 * 1024
/** What a decompression in another thread holds beside its input and output. */
const GUNZIP_STATE_BYTES = 64 * 1024

export interface PlainBodyRequest {
  /** A valid key came with the request's head. */
  readonly keyed: boolean
  readonly done: (result: BodyResult) => void
}

/**
 * Reads and decompresses a body, within the limits that `intake` has before and after decompression.
 * `done` is called once, unless the client goes away; who gets the body releases its claim.
 */
export function readPlainBody(
  exchange: HttpExchange,
  intake: BodyIntake,
  { keyed, done }: PlainBodyRequest,
): void {
  const encoding = exchange.header('content-encoding').trim().toLowerCase()
  if (encoding !== '' && encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'x-gzip') {
    return done(
      refused('ERR_REQUEST_ENCODING', `Content-Encoding is "${encoding}"; gzip or none is allowed`),
    )
  }
  const compressed = encoding.endsWith('gzip')
  const arriving = intake.expect(keyed, (result) => {
    if (result.body === null || arriving === null || !compressed) return done(result)
    new Inflation(arriving, result.claim, done).start(result.body)
  })
  if (arriving !== null) exchange.readBody(arriving)
}

/**
 * Decompresses one body. Its claim covers the compressed bytes and, as they come, the plain ones;
 * afterwards only what is handed on.
 */
class Inflation {
  readonly #arriving: ArrivingBody
  readonly #claim: ByteClaim
  readonly #done: (result: BodyResult) => void

  constructor(arriving: ArrivingBody, claim: ByteClaim, done: (result: BodyResult) => void) {
    this.#arriving = arriving
    this.#claim = claim
    this.#done = done
  }

  start(body: OwnedBytes): void {
    if (body.byteLength > SYNC_GUNZIP_BYTES_MAX) return this.#inflateElsewhere(body)
    let plain: Buffer
    try {
      plain = gunzipSync(body, { maxOutputLength: this.#arriving.bytesMax })
    } catch (error) {
      return this.#fail(this.#errorOf(error))
    }
    if (this.#claim.add(plain.byteLength)) this.#finish(owned(plain))
    else this.#refuse('no-room')
  }

  #inflateElsewhere(body: OwnedBytes): void {
    if (!this.#claim.add(GUNZIP_STATE_BYTES)) return this.#refuse('no-room')
    const gunzip = createGunzip()
    const plain = new BodyCollector(
      {
        bytesMax: this.#arriving.bytesMax,
        claim: (bytes) => this.#claim.add(bytes),
        done: (whole) => this.#finish(whole),
        refused: (problem) => {
          gunzip.destroy()
          this.#refuse(problem)
        },
        aborted: () => undefined,
      },
      '',
    )
    gunzip.on('data', (chunk: Buffer<ArrayBuffer>) => plain.add(chunk))
    gunzip.on('end', () => plain.finish())
    gunzip.on('error', (error) => {
      plain.stop()
      this.#fail(this.#errorOf(error))
    })
    gunzip.end(body)
  }

  #finish(body: OwnedBytes): void {
    this.#claim.shrinkTo(body.byteLength)
    this.#done({ body, claim: this.#claim, error: null })
  }

  #refuse(problem: BodyProblem): void {
    this.#fail(this.#arriving.problemError(problem))
  }

  #fail(error: ErrorValue): void {
    this.#claim.release()
    this.#done({ body: null, error })
  }

  #errorOf(error: unknown): ErrorValue {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ERR_BUFFER_TOO_LARGE') return this.#arriving.problemError('too-large')
    const message = 'The body is not valid gzip data, though Content-Encoding says so'
    return { code: 'ERR_REQUEST_GZIP', message }
  }
}

function owned(buffer: Uint8Array): OwnedBytes {
  const { buffer: memory, byteOffset, byteLength } = buffer
  if (memory instanceof ArrayBuffer && memory.byteLength === byteLength) {
    return new Uint8Array(memory, byteOffset, byteLength)
  }
  return new Uint8Array(buffer)
}

function refused(code: string, message: string): BodyResult {
  return { body: null, error: { code, message } }
}
