import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

const TEXT = 0x81
const PING = 0x89
/** An empty pong with the masking key zero. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])
const HEAD_END = '\r\n\r\n'

export interface StreamListener {
  /** One reply's JSON text; the bytes are lent for the call. */
  reply(text: Buffer): void
  /** All replies of a chunk have been handed over. */
  repliesDone(): void
  closed(reason: Error): void
}

/**
 * A WebSocket client for load: takes frames that are encoded already, hands out whole text frames.
 * Knows only what `/v1/stream` sends (no fragments, no compression).
 */
export class StreamSocket {
  private readonly socket: Socket
  private readonly listener: StreamListener
  private rest: Buffer | null = null

  private constructor(socket: Socket, listener: StreamListener) {
    this.socket = socket
    this.listener = listener
    socket.on('data', (chunk: Buffer) => this.take(chunk))
    socket.on('error', (error) => listener.closed(error))
    socket.on('close', () => listener.closed(new Error('the server closed a stream')))
  }

  /** `address` is `http://host:port`. */
  static async open(
    address: string,
    writeKey: string,
    listener: StreamListener,
  ): Promise<StreamSocket> {
    const { hostname, port, host } = new URL(address)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    socket.write(
      `GET /v1/stream?writeKey=${writeKey} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}${HEAD_END}`,
    )
    await upgraded(socket)
    return new StreamSocket(socket, listener)
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  close(): void {
    this.socket.removeAllListeners('close')
    this.socket.destroy()
  }

  private take(chunk: Buffer): void {
    const bytes = this.rest === null ? chunk : Buffer.concat([this.rest, chunk])
    let at = 0
    while (at + 2 <= bytes.length) {
      const [start, length] = payloadOf(bytes, at)
      if (start + length > bytes.length) break
      if (bytes[at] === TEXT) this.listener.reply(bytes.subarray(start, start + length))
      else if (bytes[at] === PING) this.socket.write(PONG)
      at = start + length
    }
    this.rest = at < bytes.length ? bytes.subarray(at) : null
    this.listener.repliesDone()
  }
}

/** Where the payload of an unmasked frame begins and its length. */
function payloadOf(bytes: Buffer, at: number): readonly [start: number, length: number] {
  const short = bytes[at + 1]
  if (short < 126) return [at + 2, short]
  const start = at + (short === 126 ? 4 : 10)
  if (start > bytes.length) return [start, 0]
  const length = short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
  return [start, length]
}

function upgraded(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', (head: Buffer) => {
      socket.removeListener('error', reject)
      const text = head.toString('latin1')
      if (text.startsWith('HTTP/1.1 101') && text.endsWith(HEAD_END)) return resolve()
      reject(new Error(`no stream: ${text.split('\r\n', 1)[0]}`))
    })
  })
}
