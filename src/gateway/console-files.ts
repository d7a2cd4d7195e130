import { readFile, realpath } from 'node:fs/promises'
import { extname, join, resolve, sep } from 'node:path'
import { createHash } from 'node:crypto'
import { respondError } from './http-error.ts'
import type { HeaderList, HttpExchange } from './transport.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
}

/** The page talks to this server only; nothing is loaded from elsewhere. */
const SECURITY: HeaderList = [
  'x-content-type-options',
  'nosniff',
  'referrer-policy',
  'no-referrer',
  'content-security-policy',
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'",
]

const NOT_BUILT =
  '<!doctype html><meta charset="utf-8"><title>Limn</title>' +
  '<p>The console is not built. Run <code>npm run build</code> and load this page again.</p>'

/** Serves the built console. Nothing outside its directory is ever read, links included. */
export class ConsoleFiles {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = resolve(directory)
  }

  /** Answers with the file at the exchange's path; an unknown one is `ERR_REQUEST_ROUTE`. */
  async respond(exchange: HttpExchange): Promise<void> {
    const unchanged = exchange.header('if-none-match')
    const name = fileName(exchange.path)
    const bytes = name === null ? null : await this.#read(name)
    if (name === null || bytes === null) return respondMissing(exchange, name)
    const tag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    const hashed = name.startsWith(`assets${sep}`)
    const caching = hashed ? 'public, max-age=31536000, immutable' : 'no-cache'
    const type = TYPES[extname(name)] ?? 'application/octet-stream'
    const headers = ['content-type', type, 'cache-control', caching, 'etag', tag, ...SECURITY]
    if (unchanged === tag) exchange.respond(304, headers, '')
    else exchange.respond(200, headers, bytes)
  }

  async #read(name: string): Promise<Buffer | null> {
    try {
      const root = await realpath(this.#directory)
      const path = await realpath(join(root, name))
      return path.startsWith(root + sep) ? await readFile(path) : null
    } catch (error) {
      if (isFileProblem(error)) return null
      throw error
    }
  }
}

/** A relative path within the directory, or null for one that could leave it. */
function fileName(path: string): string | null {
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
  const segments = decoded.split('/').filter((segment) => segment !== '')
  if (segments.some((segment) => segment.startsWith('.') || /[\\\0]/.test(segment))) return null
  return segments.length === 0 ? 'index.html' : segments.join(sep)
}

function respondMissing(exchange: HttpExchange, name: string | null): void {
  if (name === 'index.html') {
    return exchange.respond(503, ['content-type', 'text/html; charset=utf-8'], NOT_BUILT)
  }
  const message = 'There is nothing at this path; /openapi.json lists the routes'
  respondError(exchange, { code: 'ERR_REQUEST_ROUTE', message })
}

function isFileProblem(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  return code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR' || code === 'ENAMETOOLONG'
}
