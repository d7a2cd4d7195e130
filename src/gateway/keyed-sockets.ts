/** The open WebSockets by the key that opened them: how many there may be, and until when. */
import type { ErrorValue } from '../protocol/shards.ts'
import { allowsScope, type KeyEntry, type KeyRing, type KeyScope } from './keys.ts'
import type { OwnedBytes, ServerSocket, SocketListener } from './transport.ts'

/** Close code and reason of a socket whose key was revoked; 4401 as in HTTP's 401. */
export const KEY_REVOKED_CODE = 4401
const KEY_REVOKED_REASON = 'the key was revoked'
/** Of all sockets, what one key may have: a write key that is public must not lock readers out. */
const KEY_SHARE = 0.9

/**
 * Owns nothing but the list. Invariant: a listener made by {@link guard} is in it from `opened` to
 * `closed`; at most `socketsMax` are, and at most {@link KEY_SHARE} of these under one key.
 */
export class KeyedSockets {
  readonly #socketsMax: number
  readonly #byKey = new Map<string, Set<GuardedSocket>>()
  #count = 0

  constructor(socketsMax: number) {
    this.#socketsMax = socketsMax
  }

  /** Null when the key may open another one. */
  refuse(key: KeyEntry): ErrorValue | null {
    if (this.#count >= this.#socketsMax) return tooMany(`${this.#count} WebSockets are open`)
    const own = this.#byKey.get(key.id)?.size ?? 0
    if (own < Math.ceil(this.#socketsMax * KEY_SHARE)) return null
    return tooMany(`${own} WebSockets are open with this key`)
  }

  /** The listener, in the list while its socket is open. */
  guard(listener: SocketListener, key: KeyEntry, scope: KeyScope): SocketListener {
    return new GuardedSocket(listener, scope, (socket, isOpen) =>
      this.#note(key.id, socket, isOpen),
    )
  }

  /** Closes what was opened with keys that are gone or no longer allow it. */
  closeRevoked(keys: KeyRing): void {
    for (const [id, sockets] of this.#byKey) {
      const scope = keys.scopeOf(id)
      for (const socket of sockets) {
        if (scope === null || !allowsScope(scope, socket.scope)) socket.revoke()
      }
    }
  }

  #note(id: string, socket: GuardedSocket, isOpen: boolean): void {
    const sockets = this.#byKey.get(id) ?? new Set()
    const before = sockets.size
    if (isOpen) this.#byKey.set(id, sockets.add(socket))
    else sockets.delete(socket)
    this.#count += sockets.size - before
    if (sockets.size === 0) this.#byKey.delete(id)
  }
}

class GuardedSocket implements SocketListener {
  readonly scope: KeyScope
  readonly #listener: SocketListener
  readonly #note: (socket: GuardedSocket, isOpen: boolean) => void
  #socket: ServerSocket | null = null

  constructor(
    listener: SocketListener,
    scope: KeyScope,
    note: (socket: GuardedSocket, isOpen: boolean) => void,
  ) {
    this.scope = scope
    this.#listener = listener
    this.#note = note
  }

  opened(socket: ServerSocket): void {
    this.#socket = socket
    this.#note(this, true)
    this.#listener.opened(socket)
  }

  message(bytes: OwnedBytes, binary: boolean): void {
    this.#listener.message(bytes, binary)
  }

  closed(): void {
    this.#socket = null
    this.#note(this, false)
    this.#listener.closed()
  }

  revoke(): void {
    this.#socket?.close(KEY_REVOKED_CODE, KEY_REVOKED_REASON)
  }
}

function tooMany(found: string): ErrorValue {
  const message = `${found}, as many as may be (server.socketsMax); close some, or try again later`
  return { code: 'ERR_SOCKETS_LIMIT', message, retryable: true }
}
