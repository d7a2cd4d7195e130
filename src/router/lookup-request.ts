import type { ErrorValue, Query, QueryListener } from '../protocol/shards.ts'
import { LOOKUPS } from '../protocol/shard-messages.ts'
import type { ShardQuery } from '../protocol/shard-messages.ts'
import { REDIRECT, REDIRECTS_MAX } from '../protocol/shard-messages.ts'
import type { WaitingLookup } from './lookup-channel.ts'

type QueryOf<K extends Query['kind']> = Extract<Query, { kind: K }>

/** What is answered from a profile as it is now. */
export type LookupQuery = (QueryOf<'profile'> & { readonly at: null }) | QueryOf<'predictions'>

export function isLookup(query: Query): query is LookupQuery {
  return query.kind === 'predictions' || (query.kind === 'profile' && query.at === null)
}

export function isShardQuery(query: Query): query is ShardQuery {
  return !isLookup(query)
}

/**
 * A look-up on its way: goes to the shard of its id, and on where the profile is forwarded. Answers
 * its listener once.
 */
export class LookupRequest implements WaitingLookup {
  readonly what: number
  readonly minPosition: string
  readonly model: string
  id: string
  private redirects = 0
  private readonly listener: QueryListener
  private readonly send: (request: LookupRequest) => void

  constructor(query: LookupQuery, listener: QueryListener, send: (request: LookupRequest) => void) {
    this.id = query.id
    this.minPosition = query.minPosition
    this.what = LOOKUPS.indexOf(query.kind === 'profile' ? query.scope : 'predictions')
    this.model = query.kind === 'profile' ? '' : (query.model ?? '')
    this.listener = listener
    this.send = send
  }

  take(status: number, body: Uint8Array): void {
    if (status !== REDIRECT) return this.listener.answered(status, body)
    this.redirects++
    if (this.redirects > REDIRECTS_MAX) {
      return this.listener.answered(500, JSON.stringify({ error: FORWARDED_TOO_OFTEN }))
    }
    const { redirect } = JSON.parse(textOf(body)) as { redirect: string }
    this.id = redirect
    this.send(this)
  }

  fail(error: ErrorValue): void {
    const status = error.code === 'ERR_OVERLOADED' ? 429 : 503
    this.listener.answered(status, JSON.stringify({ error }))
  }
}

export const FORWARDED_TOO_OFTEN: ErrorValue = {
  code: 'ERR_IDENTITY_FORWARDS',
  message: 'the profile is forwarded too often',
}

/** A body as text, which may be kept. */
export function textOf(body: string | Uint8Array): string {
  return typeof body === 'string' ? body : decoder.decode(body)
}

const decoder = new TextDecoder()
