/**
 * The part of uWebSockets.js that the transport uses, described here because the package is
 * optional: the project compiles and runs where it is absent.
 */
export interface UwsResponse {
  writeStatus(status: string): UwsResponse
  writeHeader(name: string, value: string): UwsResponse
  end(body: string | Uint8Array, closeConnection?: boolean): UwsResponse
  endWithoutBody(): UwsResponse
  onAborted(handler: () => void): UwsResponse
  onData(handler: (chunk: ArrayBuffer, last: boolean) => void): UwsResponse
  cork(callback: () => void): UwsResponse
  upgrade(
    userData: unknown,
    key: string,
    protocol: string,
    extensions: string,
    context: unknown,
  ): void
}

/** Lives on the native stack: valid only during the callback. */
export interface UwsRequest {
  getHeader(name: string): string
  getUrl(): string
  getCaseSensitiveMethod(): string
  getQuery(): string | undefined
}

export interface UwsWebSocket<Data> {
  send(text: string, binary: boolean): number
  getBufferedAmount(): number
  end(code: number, reason: string): void
  close(): void
  cork(callback: () => void): unknown
  getUserData(): Data
}

export interface UwsBehavior<Data> {
  maxPayloadLength: number
  maxBackpressure: number
  idleTimeout: number
  sendPingsAutomatically: boolean
  compression: number
  upgrade(response: UwsResponse, request: UwsRequest, context: unknown): void
  open(socket: UwsWebSocket<Data>): void
  message(socket: UwsWebSocket<Data>, message: ArrayBuffer, binary: boolean): void
  close(socket: UwsWebSocket<Data>): void
}

export interface UwsApp {
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp
  ws<Data>(pattern: string, behavior: UwsBehavior<Data>): UwsApp
  listen(host: string, port: number, options: number, done: (socket: unknown) => void): UwsApp
  listen(host: string, port: number, done: (socket: unknown) => void): UwsApp
  close(): UwsApp
}

export interface UwsModule {
  App(): UwsApp
  us_listen_socket_close(socket: unknown): void
  us_socket_local_port(socket: unknown): number
  readonly DISABLED: number
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number
}

/** Rejects with whatever the loader says when the package or its binary is absent. */
export async function loadUws(): Promise<UwsModule> {
  const specifier: string = 'uWebSockets.js'
  const loaded: { default: UwsModule } = await import(specifier)
  return loaded.default
}
