import type { ServerConfig } from '../config/server-config.ts'
import { holderName, readLock } from '../journal/directory.ts'
import { LimnError } from '../protocol/errors.ts'
import type { Query, QueryReply } from '../protocol/shards.ts'

/** A server that has the data directory open, asked over HTTP. */
export class RunningServer {
  readonly address: string
  private readonly token: string

  constructor(address: string, token: string) {
    this.address = address
    this.token = token
  }

  query(query: Query): Promise<QueryReply> {
    return this.request('GET', pathOf(query))
  }

  /** Needs a token with scope admin. */
  undoJoin(id: string): Promise<QueryReply> {
    return this.request('POST', `/v1/profiles/${encodeURIComponent(id)}/identity/undo`)
  }

  async request(method: 'GET' | 'POST', path: string): Promise<QueryReply> {
    const response = await fetch(this.address + path, {
      method,
      headers: { authorization: `Bearer ${this.token}` },
    })
    return { status: response.status, body: await response.text() }
  }
}

/**
 * The server that has the data directory open, or null when none has. Throws `ERR_CLI_TOKEN` when
 * one has and no token was given.
 */
export function runningServer(
  config: ServerConfig,
  token: string | undefined,
  scope: 'read' | 'admin' = 'read',
): RunningServer | null {
  const lock = readLock(config.storage.dir)
  if (lock === null) return null
  const { bootstrap } = config
  const name = scope === 'read' ? 'LIMN_READ_TOKEN' : 'LIMN_ADMIN_TOKEN'
  const configured = scope === 'read' ? bootstrap.readToken : bootstrap.adminToken
  const given = token ?? process.env[name] ?? configured
  if (lock.address === null || given === '') {
    const message = `${holderName(lock)} has the data directory open; give --token (or ${name}) to ask it`
    throw new LimnError('ERR_CLI_TOKEN', message)
  }
  return new RunningServer(lock.address, given)
}

function pathOf(query: Query): string {
  if (query.kind === 'events') {
    return `/v1/profiles/${encodeURIComponent(query.id)}/events?limit=${query.limit}`
  }
  if (query.kind === 'identity') {
    const before = query.before === '' ? '' : `&before=${query.before}`
    return `/v1/profiles/${encodeURIComponent(query.id)}/identity?limit=${query.limit}${before}`
  }
  if (query.kind === 'profile') {
    const at = query.at === null ? '' : `?at=${new Date(query.at).toISOString()}`
    return `/v1/profiles/${encodeURIComponent(query.id)}${at}`
  }
  throw new LimnError('ERR_INTERNAL', `no path for a ${query.kind} query`)
}
