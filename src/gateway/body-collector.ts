import type { BodyProblem, BodyReader, OwnedBytes } from './transport.ts'

const NOTHING: OwnedBytes = new Uint8Array(0)

/**
 * Joins the chunks of a body, which are only valid during their callback, for its reader. They lie
 * in one piece of memory, so that many small chunks cost no more than few large ones; each byte of
 * it is claimed from the reader before it is taken, and all of it is let go of when the reading is
 * over. Invariant: the reader hears once what became of the body, or nothing after {@link stop}.
 */
export class BodyCollector {
  /** Null when the reading is over. */
  #reader: BodyReader | null
  /** As announced, or the limit. */
  readonly #bytesMax: number
  #memory = NOTHING
  #bytes = 0

  /** @param announced the value of Content-Length, '' for none */
  constructor(reader: BodyReader, announced: string) {
    const { bytesMax } = reader
    this.#reader = reader
    this.#bytesMax = announced === '' ? bytesMax : Math.min(Number(announced), bytesMax)
    if (Number(announced) > bytesMax) this.#refuse('too-large')
  }

  get over(): boolean {
    return this.#reader === null
  }

  add(chunk: Uint8Array<ArrayBuffer>): void {
    if (this.#reader === null) return
    const end = this.#bytes + chunk.byteLength
    if (end > this.#bytesMax) return this.#refuse('too-large')
    if (end > this.#memory.byteLength) {
      const size = Math.max(end, Math.min(this.#memory.byteLength * 2, this.#bytesMax))
      if (!this.#reader.claim(size - this.#memory.byteLength)) return this.#refuse('no-room')
      if (this.#bytes === 0) this.#memory = copyOf(chunk)
      else this.#memory = grown(this.#memory, size)
    }
    if (this.#bytes > 0) this.#memory.set(chunk, this.#bytes)
    this.#bytes = end
  }

  /** Everything has come. */
  finish(): void {
    const reader = this.#reader
    if (reader === null) return
    const exact = this.#memory.byteLength === this.#bytes
    const body = exact ? this.#memory : this.#memory.slice(0, this.#bytes)
    this.stop()
    reader.done(body)
  }

  /** The client went away. */
  abort(): void {
    const reader = this.#reader
    this.stop()
    reader?.aborted()
  }

  /** Nobody wants the body any more: the request has its answer. */
  stop(): void {
    this.#reader = null
    this.#memory = NOTHING
  }

  #refuse(problem: BodyProblem): void {
    const reader = this.#reader
    this.stop()
    reader?.refused(problem)
  }
}

/** Without clearing the memory first. */
function copyOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): OwnedBytes {
  return new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength))
}

function grown(memory: OwnedBytes, size: number): OwnedBytes {
  const larger = new Uint8Array(size)
  larger.set(memory)
  return larger
}
