import type { OwnedBytes } from './transport.ts'

/** Joins chunks, which are only valid during their callback, with a copy of each byte or two. */
export class BodyCollector {
  bytes = 0
  #memory: OwnedBytes = new Uint8Array(0)

  add(chunk: ArrayBuffer, last: boolean): void {
    const start = this.bytes
    this.bytes += chunk.byteLength
    if (start === 0 && last) this.#memory = new Uint8Array(chunk.slice(0))
    else this.#append(chunk, start)
  }

  take(): OwnedBytes {
    return this.#memory.byteLength === this.bytes ? this.#memory : this.#memory.slice(0, this.bytes)
  }

  #append(chunk: ArrayBuffer, start: number): void {
    if (this.bytes > this.#memory.byteLength) {
      const grown = new Uint8Array(Math.max(this.bytes, this.#memory.byteLength * 2))
      grown.set(this.#memory)
      this.#memory = grown
    }
    this.#memory.set(new Uint8Array(chunk), start)
  }
}
