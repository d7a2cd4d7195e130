const HEADER_BYTES_MAX = 5
const GROUP = 8

/**
 * Writes runs of Parquet's RLE / bit-packing hybrid (parquet-format, Encodings.md): a header, and
 * then either one number that is repeated, or every number in `width` ≤ 24 bits, the lowest bit first
 * and in little-endian order, up to a multiple of eight numbers. One buffer of words is all it holds.
 */
export class BitPacker {
  private readonly words: Uint32Array<ArrayBuffer>
  private readonly bytes: Uint8Array

  constructor(countMax: number) {
    this.words = new Uint32Array(Math.ceil(bodyBytes(countMax, widthOf(countMax)) / 4) + 1)
    this.bytes = new Uint8Array(this.words.buffer)
  }

  /** Bytes that a run of so many numbers may take. */
  static bytesMax(count: number, width: number): number {
    return HEADER_BYTES_MAX + bodyBytes(count, width)
  }

  /** Writes `numbers` to `out` and returns the bytes written. */
  pack(numbers: Uint32Array, width: number, out: Uint8Array): number {
    const { words } = this
    const count = numbers.length
    let at = 0
    let word = 0
    let bits = 0
    for (let i = 0; i < count; i++) {
      const number = numbers[i]
      word |= number << bits
      bits += width
      if (bits < 32) continue
      words[at++] = word
      bits -= 32
      word = bits > 0 ? number >>> (width - bits) : 0
    }
    words[at++] = word
    const length = bodyBytes(count, width)
    words.fill(0, at, Math.ceil(length / 4))
    const header = writeHeader(Math.ceil(count / GROUP) * 2 + 1, out)
    out.set(this.bytes.subarray(0, length), header)
    return header + length
  }
}

/** Writes one number of at most 8 bits `count` times, and returns the bytes written. */
export function repeatRun(number: number, count: number, out: Uint8Array): number {
  const at = writeHeader(count * 2, out)
  out[at] = number
  return at + 1
}

/** Bits that the numbers below `count` need, at least one. */
export function widthOf(count: number): number {
  return Math.max(1, 32 - Math.clz32(Math.max(0, count - 1)))
}

function bodyBytes(count: number, width: number): number {
  return Math.ceil(count / GROUP) * width
}

/** A varint, as in Thrift and Protocol Buffers. */
function writeHeader(value: number, out: Uint8Array): number {
  let at = 0
  let rest = value
  while (rest > 0x7f) {
    out[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  out[at++] = rest
  return at
}
