import type { HeaderList } from './transport.ts'

const EXPOSED = 'limn-position, retry-after'
const NONE: HeaderList = []
const ANY: HeaderList = [
  'access-control-allow-origin',
  '*',
  'access-control-expose-headers',
  EXPOSED,
]
const PREFLIGHT: HeaderList = [
  'access-control-allow-methods',
  'GET, HEAD, POST',
  'access-control-allow-headers',
  'authorization, content-type, content-encoding',
  'access-control-max-age',
  '86400',
]

/** Headers that let a browser page of an allowed origin read answers. */
export class Cors {
  readonly #any: boolean
  readonly #origins: ReadonlySet<string>

  constructor(origins: readonly string[]) {
    this.#any = origins.includes('*')
    this.#origins = new Set(origins)
  }

  /** For any answer; `origin` is '' when the request names none. */
  headers(origin: string): HeaderList {
    if (origin === '') return NONE
    if (this.#any) return ANY
    if (!this.#origins.has(origin)) return ['vary', 'origin']
    return [
      'access-control-allow-origin',
      origin,
      'vary',
      'origin',
      'access-control-expose-headers',
      EXPOSED,
    ]
  }

  /** For the answer to OPTIONS, beside {@link headers}. */
  preflight(origin: string): HeaderList {
    return this.#any || this.#origins.has(origin) ? PREFLIGHT : NONE
  }

  /** A WebSocket is not under the browser's same-origin rule: the server has to check. */
  allowsSocket(origin: string): boolean {
    return origin === '' || this.#any || this.#origins.has(origin)
  }
}
