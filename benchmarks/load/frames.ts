/** Segment `track` messages of about 280 bytes; in the stamped places all have the same width. */
const HEAD = '{"type":"track","userId":"u'
const USER_DIGITS = 8
const USER_AT = HEAD.length
const RUN_DIGITS = 6
const NUMBER_DIGITS = 9
const NUMBER_AT = USER_AT + USER_DIGITS + '","messageId":"bench-'.length + RUN_DIGITS + 1
const TIME_AT = NUMBER_AT + NUMBER_DIGITS + '","timestamp":"'.length
const TIME_LENGTH = '2000-01-01T00:00:00.000Z'.length
/** JSON numbers have no leading zeros: `seq` begins here to keep its width. */
const SEQUENCE_FIRST = 100_000_000
const SEQUENCE_DIGITS = 9

const EVENTS = [
  'Product Viewed',
  'Product Viewed',
  'Product Added',
  'Products Searched',
  'Order Completed',
]
const CATEGORIES = ['shoes', 'jackets', 'shirts', 'bags', 'hats', 'toys', 'books', 'garden']
const BRANDS = 40
const PRODUCTS = 5_000

export interface FrameOptions {
  /** Frames in the ring; at most so many are unacknowledged. */
  readonly frames: number
  /** Events in a frame; 1 makes bare messages. */
  readonly eventsPerFrame: number
  /** Part of every message id, so that ids of several runs differ; below 1,000,000. */
  readonly run: number
  readonly seed: number
}

/** What the messages of one run have in common while it goes on. */
export class EventStamps {
  private readonly profiles: number
  private readonly sweep: boolean
  private readonly random: Xorshift
  private readonly time = Buffer.alloc(TIME_LENGTH)
  private timeMs = 0
  private number = 0

  /** `sweep` takes the profiles in turn, else each event is of a random one. */
  constructor(options: { profiles: number; sweep: boolean; seed: number }) {
    this.profiles = options.profiles
    this.sweep = options.sweep
    this.random = new Xorshift(options.seed)
  }

  /** To be called before the messages of a frame are stamped. */
  setTime(nowMs: number): void {
    if (nowMs === this.timeMs) return
    this.timeMs = nowMs
    this.time.write(new Date(nowMs).toISOString(), 'latin1')
  }

  /** Writes user, message number and time into the message that begins at `start`. */
  stamp(bytes: Buffer, start: number): void {
    const number = this.number++
    const user = (this.sweep ? number : this.random.next()) % this.profiles
    writeDigits(bytes, start + USER_AT, USER_DIGITS, user)
    writeDigits(bytes, start + NUMBER_AT, NUMBER_DIGITS, number)
    for (let i = 0; i < TIME_LENGTH; i++) bytes[start + TIME_AT + i] = this.time[i]
  }
}

/**
 * Encoded WebSocket frames in one buffer, sent again and again: only what differs is written, in
 * place. A frame's bytes belong to the socket from its send until its acknowledgement.
 *
 * The masking key is zero, which the protocol allows and which leaves the payload as it is: a real
 * client's key costs the client time, the server the same.
 */
export class FrameRing {
  readonly frames: number
  private readonly bytes: Buffer
  private readonly starts: number[] = []
  private readonly payloads: number[] = []
  private readonly messages: number[][] = []
  private readonly sequences: number[] = []
  private sent = 0

  constructor(options: FrameOptions) {
    this.frames = options.frames
    const random = new Xorshift(options.seed)
    const parts: Buffer[] = []
    let length = 0
    for (let i = 0; i < options.frames; i++) {
      const payload = this.layOut(options, random, length)
      const header = frameHeader(payload.length)
      this.shift(i, header.length)
      this.starts.push(length)
      this.payloads.push(length + header.length)
      parts.push(header, payload)
      length += header.length + payload.length
    }
    this.starts.push(length)
    this.bytes = Buffer.concat(parts)
  }

  stamp(frame: number, stamps: EventStamps): void {
    stamps.setTime(Date.now())
    for (const start of this.messages[frame]) stamps.stamp(this.bytes, start)
    if (this.sequences[frame] < 0) return
    writeDigits(this.bytes, this.sequences[frame], SEQUENCE_DIGITS, SEQUENCE_FIRST + this.sent++)
  }

  /** The bytes of `count` frames one after the other; they must not go over the ring's end. */
  encoded(frame: number, count: number): Buffer {
    return this.bytes.subarray(this.starts[frame], this.starts[frame + count])
  }

  /** A frame's JSON text. */
  payload(frame: number): Buffer {
    return this.bytes.subarray(this.payloads[frame], this.starts[frame + 1])
  }

  /** A frame's payload; notes where its messages and its `seq` are, from `base` on. */
  private layOut(options: FrameOptions, random: Xorshift, base: number): Buffer {
    const { eventsPerFrame, run } = options
    const bare = eventsPerFrame === 1
    const starts: number[] = []
    let text = bare ? '' : '{"batch":['
    for (let i = 0; i < eventsPerFrame; i++) {
      if (i > 0) text += ','
      starts.push(base + text.length)
      text += messageText(run, EVENTS[random.next() % EVENTS.length], random.next() % PRODUCTS)
    }
    if (!bare) text += `],"seq":${SEQUENCE_FIRST}}`
    this.messages.push(starts)
    this.sequences.push(bare ? -1 : base + text.length - 1 - SEQUENCE_DIGITS)
    return Buffer.from(text, 'latin1')
  }

  private shift(frame: number, bytes: number): void {
    this.messages[frame] = this.messages[frame].map((start) => start + bytes)
    if (this.sequences[frame] >= 0) this.sequences[frame] += bytes
  }
}

/** xorshift32 (Marsaglia 2003). */
export class Xorshift {
  private state: number

  constructor(seed: number) {
    this.state = Math.imul(seed + 1, 0x9e3779b9) | 1
  }

  next(): number {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x
    return x >>> 0
  }
}

/** The id of a profile that the stamped messages are of. */
export function userId(user: number): string {
  return `u${String(user).padStart(USER_DIGITS, '0')}`
}

export function writeDigits(bytes: Buffer, at: number, digits: number, value: number): void {
  let left = value
  for (let i = at + digits - 1; i >= at; i--) {
    const tens = Math.floor(left / 10)
    bytes[i] = 48 + left - tens * 10
    left = tens
  }
}

function messageText(run: number, event: string, product: number): string {
  const id = `bench-${String(run).padStart(RUN_DIGITS, '0')}-${'0'.repeat(NUMBER_DIGITS)}`
  const price = (product % 200) + 0.99
  return `${HEAD}${'0'.repeat(USER_DIGITS)}","messageId":"${id}","timestamp":"${new Date(0).toISOString()}","event":"${event}","properties":{"product_id":"p${product}","category":"${CATEGORIES[product & 7]}","brand":"b${product % BRANDS}","price":${price},"quantity":1,"revenue":${price},"currency":"EUR"}}`
}

/** A final text frame from a client with the masking key zero (RFC 6455, section 5.2). */
function frameHeader(length: number): Buffer {
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const header = Buffer.alloc(2 + extended + 4)
  header[0] = 0x81
  header[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127)
  if (extended === 2) header.writeUInt16BE(length, 2)
  if (extended === 8) header.writeBigUInt64BE(BigInt(length), 2)
  return header
}
