import { Agent, request } from 'node:http'

export interface HttpAnswer {
  readonly status: number
  readonly body: unknown
  readonly text: string
}

export interface HttpRequest {
  readonly path: string
  /** POST where there is one. */
  readonly body?: string
  readonly authorization: string
  readonly timeoutMs: number
}

/** No answer came: the connection broke (then it is not known what became of the request), or time ran out. */
export class NoAnswer extends Error {
  readonly timedOut: boolean

  constructor(message: string, timedOut: boolean) {
    super(message)
    this.timedOut = timedOut
  }
}

const SOCKETS_MAX = 16

/** Requests over kept connections, as a server-side SDK sends them. Throws only {@link NoAnswer}. */
export class HttpClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX })

  send(
    address: string,
    { path, body, authorization, timeoutMs }: HttpRequest,
  ): Promise<HttpAnswer> {
    const headers = {
      authorization,
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    }
    const method = body === undefined ? 'GET' : 'POST'
    return new Promise((answered, failed) => {
      let timedOut = false
      const fail = (error: Error): void =>
        failed(new NoAnswer(`${path}: ${error.message}`, timedOut))
      const sent = request(address + path, { method, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', fail)
        response.on('end', () => {
          clearTimeout(timer)
          const text = Buffer.concat(chunks).toString()
          answered({ status: response.statusCode ?? 0, body: parsed(text), text })
        })
      })
      const timer = setTimeout(() => {
        timedOut = true
        sent.destroy(new Error(`no answer in ${timeoutMs} ms`))
      }, timeoutMs)
      sent.on('error', (error) => {
        clearTimeout(timer)
        fail(error)
      })
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    return error instanceof SyntaxError ? null : undefined
  }
}
