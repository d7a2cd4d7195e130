/** Bodies on their way in: what they may hold before it is known whose they are, and after. */
import type { ErrorValue } from '../protocol/shards.ts'
import { OVERLOADED, type Admission } from './admission.ts'
import { ByteBudget, ByteClaim } from './byte-budget.ts'
import type { GatewayConfig } from './gateway-config.ts'
import type { BodyProblem, BodyReader, OwnedBytes } from './transport.ts'

/** Counted for each body without a key beside its bytes, so that their number is bounded with them. */
const KEYLESS_OVERHEAD_BYTES = 1024

/** Who gets the claim has to release it. */
export type BodyResult =
  | { readonly body: OwnedBytes; readonly claim: ByteClaim; readonly error: null }
  | { readonly body: null; readonly error: ErrorValue }

export type IntakeConfig = Pick<
  GatewayConfig,
  | 'bodyBytesMax'
  | 'bodyTimeoutMs'
  | 'keylessBodyBytesMax'
  | 'keylessBytesMax'
  | 'keylessBodyTimeoutMs'
>

/** What bodies of one kind may do. */
interface BodyTerms {
  readonly budget: ByteBudget
  readonly bodyBytesMax: number
  readonly timeoutMs: number
  readonly overheadBytes: number
  readonly tooLarge: ErrorValue
  readonly noRoom: ErrorValue
}

/**
 * Where bodies wait until they are whole. Those of requests with a valid key in the head count among
 * the bytes in flight; those whose key can only be in the body have a small budget of their own, all
 * together. Owns the half-sent bodies; {@link expire} refuses those that take too long.
 */
export class BodyIntake {
  readonly #keyed: BodyTerms
  readonly #keyless: BodyTerms
  readonly #arriving = new Set<ArrivingBody>()

  constructor(admission: Admission, config: IntakeConfig) {
    const { bodyBytesMax } = config
    const smallMax = Math.min(bodyBytesMax, config.keylessBodyBytesMax)
    this.#keyed = {
      budget: admission,
      bodyBytesMax,
      timeoutMs: config.bodyTimeoutMs,
      overheadBytes: 0,
      tooLarge: tooLarge(`The body is larger than ${bodyBytesMax} bytes; send smaller batches`),
      noRoom: OVERLOADED,
    }
    this.#keyless = {
      budget: new ByteBudget(config.keylessBytesMax),
      bodyBytesMax: smallMax,
      timeoutMs: config.keylessBodyTimeoutMs,
      overheadBytes: KEYLESS_OVERHEAD_BYTES,
      tooLarge: tooLarge(keylessMessage(smallMax)),
      noRoom: { code: 'ERR_OVERLOADED', message: KEYLESS_NO_ROOM, retryable: true },
    }
  }

  /** Bodies that are not whole yet. */
  get arriving(): number {
    return this.#arriving.size
  }

  /** What bodies without a key in the head hold. */
  get keylessBytes(): number {
    return this.#keyless.budget.bytes
  }

  /** Bodies without a key in the head that found no room. */
  get keylessRefused(): number {
    return this.#keyless.budget.refused
  }

  /**
   * The reader of a request's body; the caller gives it to the transport. Null, when there is no room
   * for another: then `done` has been told.
   */
  expect(keyed: boolean, done: (result: BodyResult) => void): ArrivingBody | null {
    const terms = keyed ? this.#keyed : this.#keyless
    const body = new ArrivingBody(terms, done, () => this.#arriving.delete(body))
    if (!body.claim(terms.overheadBytes)) {
      body.refused('no-room')
      return null
    }
    this.#arriving.add(body)
    return body
  }

  /** Refuses what has taken too long by `now`, on the clock of `performance.now()`. */
  expire(now: number): void {
    for (const body of this.#arriving) if (body.dueAt <= now) body.refused('too-slow')
  }
}

/** One body. What it has claimed goes with it to whoever takes it, or is released. */
export class ArrivingBody implements BodyReader {
  readonly bytesMax: number
  readonly dueAt: number
  readonly #terms: BodyTerms
  readonly #claim: ByteClaim
  readonly #done: (result: BodyResult) => void
  readonly #arrived: () => void

  constructor(terms: BodyTerms, done: (result: BodyResult) => void, arrived: () => void) {
    this.bytesMax = terms.bodyBytesMax
    this.dueAt = performance.now() + terms.timeoutMs
    this.#terms = terms
    this.#claim = new ByteClaim(terms.budget)
    this.#done = done
    this.#arrived = arrived
  }

  claim(bytes: number): boolean {
    return this.#claim.add(bytes)
  }

  done(body: OwnedBytes): void {
    this.#arrived()
    this.#claim.shrinkTo(body.byteLength)
    this.#done({ body, claim: this.#claim, error: null })
  }

  refused(problem: BodyProblem | 'too-slow'): void {
    this.aborted()
    this.#done({ body: null, error: this.problemError(problem) })
  }

  aborted(): void {
    this.#arrived()
    this.#claim.release()
  }

  problemError(problem: BodyProblem | 'too-slow'): ErrorValue {
    if (problem === 'too-large') return this.#terms.tooLarge
    if (problem === 'no-room') return this.#terms.noRoom
    const message = `The body was not whole after ${this.#terms.timeoutMs} ms; send it again, in smaller parts`
    return { code: 'ERR_REQUEST_TIMEOUT', message, retryable: true }
  }
}

const KEYLESS_NO_ROOM =
  'Too many bytes of bodies without a key in header or query are on their way; put the key there, or send again in a moment'

function keylessMessage(bytesMax: number): string {
  return `Without a key in header or query a body may have at most ${bytesMax} bytes; put the key there`
}

function tooLarge(message: string): ErrorValue {
  return { code: 'ERR_REQUEST_TOO_LARGE', message }
}
