const CHUNK_BITS = 14
const CHUNK_LENGTH = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK_LENGTH - 1

type NumberArray = Float64Array | Float32Array | Uint32Array | Uint16Array

/** An array of numbers that grows chunk by chunk: nothing is copied, and little is spare. */
export class Growing {
  length = 0
  private readonly make: new (length: number) => NumberArray
  private readonly chunks: NumberArray[] = []

  constructor(make: new (length: number) => NumberArray) {
    this.make = make
  }

  push(value: number): void {
    const place = this.length & CHUNK_MASK
    if (place === 0 && this.length >> CHUNK_BITS === this.chunks.length) {
      this.chunks.push(new this.make(CHUNK_LENGTH))
    }
    this.chunks[this.length >>> CHUNK_BITS][place] = value
    this.length++
  }

  at(index: number): number {
    return this.chunks[index >>> CHUNK_BITS][index & CHUNK_MASK]
  }

  set(index: number, value: number): void {
    this.chunks[index >>> CHUNK_BITS][index & CHUNK_MASK] = value
  }

  truncate(length: number): void {
    this.length = length
  }
}
