import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import type { Gunzip } from 'node:zlib'
import { createGunzip } from 'node:zlib'
import { LimnError } from '../protocol/errors.ts'

/** A longer line is not kept; it is delivered as null. */
export const LINE_CHARACTERS_MAX = 1_048_576

/** Text without its line end, or null where the line is longer than is read. */
export type Line = string | null

/**
 * The lines of a file, plain or gzip (known by its first two bytes), in blocks. Lines end in LF or
 * CRLF; bytes that are not UTF-8 become U+FFFD; a byte order mark is dropped.
 */
export class LineReader {
  /** Size of the file as stored. */
  readonly bytesTotal: number
  bytesRead = 0
  /** Set after the last block where the packed data is damaged or ends early. */
  damage: LimnError | null = null
  private readonly file: string
  private readonly gzip: boolean

  private constructor(file: string, bytesTotal: number, gzip: boolean) {
    this.file = file
    this.bytesTotal = bytesTotal
    this.gzip = gzip
  }

  /** Throws `ERR_IMPORT_FILE` where the file cannot be read. */
  static async open(file: string): Promise<LineReader> {
    try {
      const bytesTotal = (await stat(file)).size
      return new LineReader(file, bytesTotal, await isGzip(file))
    } catch (cause) {
      throw unreadable(file, cause)
    }
  }

  async *blocks(): AsyncGenerator<Line[]> {
    const splitter = new LineSplitter()
    const decoder = new TextDecoder('utf-8')
    const bytes = this.gzip ? this.unpacked() : this.stored()
    for await (const chunk of bytes) {
      const lines = splitter.push(decoder.decode(chunk, { stream: true }))
      if (lines.length > 0) yield lines
    }
    const lines = splitter.finish(decoder.decode())
    if (lines.length > 0) yield lines
  }

  private async *stored(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of createReadStream(this.file)) {
        this.bytesRead += chunk.length
        yield chunk
      }
    } catch (cause) {
      throw unreadable(this.file, cause)
    }
  }

  /** All that could be unpacked, also before damage. */
  private async *unpacked(): AsyncGenerator<Buffer> {
    const unpacker = new Unpacker()
    for await (const chunk of this.stored()) {
      yield* await unpacker.push(chunk)
      if (unpacker.error !== null) break
    }
    yield* await unpacker.finish()
    if (unpacker.error === null) return
    const message = `${this.file}: the gzip data is damaged or cut off: ${unpacker.error.message}`
    this.damage = new LimnError('ERR_IMPORT_GZIP', message, { cause: unpacker.error })
  }
}

/**
 * Unpacks chunk by chunk. Output is taken as it is made, because a stream that fails drops what
 * nobody has read of it yet.
 */
class Unpacker {
  error: Error | null = null
  private readonly gunzip: Gunzip = createGunzip()
  private readonly ended: Promise<void>
  private output: Buffer[] = []

  constructor() {
    this.gunzip.on('data', (chunk: Buffer) => this.output.push(chunk))
    this.ended = new Promise((resolve) => {
      this.gunzip.on('end', resolve)
      this.gunzip.on('error', (error) => {
        this.error = error
        resolve()
      })
    })
  }

  async push(chunk: Buffer): Promise<Buffer[]> {
    const written = new Promise<void>((resolve) => this.gunzip.write(chunk, () => resolve()))
    await Promise.race([written, this.ended])
    return this.take()
  }

  async finish(): Promise<Buffer[]> {
    if (this.error === null) this.gunzip.end()
    await this.ended
    return this.take()
  }

  private take(): Buffer[] {
    const { output } = this
    this.output = []
    return output
  }
}

class LineSplitter {
  private rest = ''
  private restTooLong = false
  private started = false

  push(text: string): Line[] {
    const parts = text.split('\n')
    const last = parts.length - 1
    const lines: Line[] = []
    for (let i = 0; i < last; i++) {
      this.grow(parts[i])
      lines.push(this.take())
    }
    this.grow(parts[last])
    return lines
  }

  finish(text: string): Line[] {
    const lines = this.push(text)
    if (this.rest !== '' || this.restTooLong) lines.push(this.take())
    return lines
  }

  private grow(text: string): void {
    if (this.restTooLong) return
    this.rest += text
    if (this.rest.length <= LINE_CHARACTERS_MAX) return
    this.restTooLong = true
    this.rest = ''
  }

  private take(): Line {
    const line = this.rest.endsWith('\r') ? this.rest.slice(0, -1) : this.rest
    const tooLong = this.restTooLong
    this.rest = ''
    this.restTooLong = false
    const first = !this.started
    this.started = true
    if (tooLong) return null
    return first && line.charCodeAt(0) === 0xfeff ? line.slice(1) : line
  }
}

function unreadable(file: string, cause: unknown): LimnError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new LimnError('ERR_IMPORT_FILE', `${file}: cannot be read: ${reason}`, { cause })
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await handle.close()
  }
}
