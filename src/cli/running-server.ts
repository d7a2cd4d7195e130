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
): RunningServer | null {
  const lock = readLock(config.storage.dir)
  if (lock === null) return null
  const given = token ?? process.env.LIMN_READ_TOKEN ?? config.bootstrap.readToken
  if (lock.address === null || given === '') {
    const message = `${holderName(lock)} has the data directory open; give --token (or LIMN_READ_TOKEN) to ask it`
    throw new LimnError('ERR_CLI_TOKEN', message)
  }
  return new RunningServer(lock.address, given)
}

function pathOf(query: Query): string {
  if (query.kind === 'events') {
    return `/v1/profiles/${encodeURIComponent(query.id)}/events?limit=${query.limit}`
  }
  if (query.kind === 'profile') {
    const at = query.at === null ? '' : `?at=${new Date(query.at).toISOString()}`
    return `/v1/profiles/${encodeURIComponent(query.id)}${at}`
  }
  throw new LimnError('ERR_INTERNAL', `no path for a ${query.kind} query`)
}
