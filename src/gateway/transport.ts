/**
 * Where the gateway meets sockets. Two implementations keep one contract (one conformance suite
 * runs over both): {@link createTransport} takes uWebSockets.js where its binary loads and
 * node:http with ws elsewhere.
 */
import { toErrorValue } from '../protocol/errors.ts'
import { createNodeTransport } from './node-transport.ts'
import { createUwsTransport } from './uws-transport.ts'

/** Names and values in turn; the transport adds Content-Length and Connection by itself. */
export type HeaderList = readonly string[]

/** A body in its own ArrayBuffer: it may be handed to another thread. */
export type OwnedBytes = Uint8Array<ArrayBuffer>

/** What both a request and an upgrade tell. `header` is valid only during the handler's call. */
export interface RequestHead {
  /** In upper case. */
  readonly method: string
  /** As on the wire: percent-encoded, without the query. */
  readonly path: string
  /** Without the question mark; '' when none. */
  readonly query: string
  /** The value of a header named in lower case; '' when absent. */
  header(name: string): string
}

/** Stands for "the client went away before the answer"; never on the wire. */
export const ABORTED_STATUS = 499

/** Why a body is not read to its end: it is over its limit, or its bytes cannot be claimed. */
export type BodyProblem = 'too-large' | 'no-room'

/**
 * Who takes a request's body. Exactly one of `done`, `refused` and `aborted` is called, once, or none
 * when the request was answered before its body was there.
 */
export interface BodyReader {
  readonly bytesMax: number
  /** Asked before memory is taken for bytes that have arrived; false refuses the body. */
  claim(bytes: number): boolean
  /** The whole body; when it is shorter than what was claimed, the rest is not held any more. */
  done(body: OwnedBytes): void
  /** As soon as it is known; nothing of the body is held any more. */
  refused(problem: BodyProblem): void
  /** The client went away. */
  aborted(): void
}

/** One HTTP request and its one answer. */
export interface HttpExchange extends RequestHead {
  /** The client went away: `respond` does nothing any more. */
  readonly aborted: boolean
  /** Sent with whatever answer comes. */
  extraHeaders: HeaderList
  /** Called once, with the answer's status or {@link ABORTED_STATUS}. */
  finished: ((status: number) => void) | null
  /** Must be called during the handler's call or not at all. */
  readBody(reader: BodyReader): void
  /** Answers once; the body of an answer to HEAD is left out, its length is kept. */
  respond(status: number, headers: HeaderList, body: string | Uint8Array): void
}

/** The server's end of a WebSocket. After it closed every method does nothing. */
export interface ServerSocket {
  readonly open: boolean
  /** Bytes given to `send` which the kernel has not yet taken. */
  readonly bufferedBytes: number
  /** Text frames; a socket whose buffer would exceed `socketBufferBytesMax` is cut off instead. */
  send(texts: readonly string[]): void
  close(code: number, reason: string): void
}

/** What an accepted WebSocket does; made by the handler, one for each socket. */
export interface SocketListener {
  opened(socket: ServerSocket): void
  message(bytes: OwnedBytes, binary: boolean): void
  closed(): void
}

export interface UpgradeRefusal {
  readonly status: number
  readonly headers: HeaderList
  readonly body: string
}

export interface TransportHandler {
  request(exchange: HttpExchange): void
  /** Decides at once; `header` of `head` is valid only during the call. */
  upgrade(head: RequestHead): SocketListener | UpgradeRefusal
}

export interface TransportOptions {
  readonly handler: TransportHandler
  /** A longer text or binary message closes its socket with 1009. */
  readonly frameBytesMax: number
  readonly socketBufferBytesMax: number
  /** A WebSocket that answers no ping for this long is closed; at least 8, in steps of 4. */
  readonly idleTimeoutSeconds: number
  /** Unexpected failures of a handler; the request is answered with 500 where that is possible. */
  readonly failed: (error: unknown) => void
}

export interface Transport {
  readonly kind: 'uws' | 'node'
  /** Resolves with the actual port; rejects with `ERR_LISTEN`. */
  listen(host: string, port: number): Promise<number>
  /** Stops listening, lets running requests finish (at most `timeoutMs`), closes WebSockets with 1001. */
  drain(timeoutMs: number): Promise<void>
  /** Cuts every connection. */
  close(): Promise<void>
}

export type TransportChoice = 'auto' | 'uws' | 'node'

export interface TransportFallback {
  readonly transport: Transport
  /** Why `auto` did not take uWebSockets.js; null when it did or was not asked to. */
  readonly reason: string | null
}

/** `uws` fails with `ERR_TRANSPORT_UNAVAILABLE` where `auto` falls back. */
export async function createTransport(
  choice: TransportChoice,
  options: TransportOptions,
): Promise<TransportFallback> {
  if (choice === 'node') return { transport: createNodeTransport(options), reason: null }
  try {
    return { transport: await createUwsTransport(options), reason: null }
  } catch (error) {
    if (choice === 'uws') throw error
    return { transport: createNodeTransport(options), reason: toErrorValue(error).message }
  }
}

export function isRefusal(decision: SocketListener | UpgradeRefusal): decision is UpgradeRefusal {
  return 'status' in decision
}
