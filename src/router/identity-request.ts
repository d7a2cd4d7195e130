import { ownerOf, parseKey } from '../event/profile-key.ts'
import type { Query, QueryReply } from '../protocol/shards.ts'
import { REDIRECTS_MAX } from '../protocol/shard-messages.ts'
import { FORWARDED_TOO_OFTEN } from './lookup-request.ts'

type IdentityQuery = Extract<Query, { kind: 'identity' }>
type AskShard = (shard: number, query: IdentityQuery) => Promise<QueryReply>

/** What a shard knows of one of its ids, as far as it is looked at here. */
interface Known {
  readonly id: string
  readonly joined: { readonly to: string } | null
  readonly links: readonly unknown[]
  readonly pendingCount: number
}

type Told = { readonly known: Known } | { readonly reply: QueryReply }

/**
 * Who an id is: asks its own shard, then those of who it was joined to, one after the other, until the
 * profile that has the records.
 */
export class IdentityRequest {
  private readonly query: IdentityQuery
  private readonly shardCount: number
  private readonly ask: AskShard

  constructor(query: IdentityQuery, shardCount: number, ask: AskShard) {
    this.query = query
    this.shardCount = shardCount
    this.ask = ask
  }

  async answer(): Promise<QueryReply> {
    const first = await this.about(this.query)
    if ('reply' in first) return first.reply
    const path = [first.known.id]
    let root = first.known
    while (root.joined !== null) {
      if (path.length > REDIRECTS_MAX) {
        return { status: 500, body: JSON.stringify({ error: FORWARDED_TOO_OFTEN }) }
      }
      const { to } = root.joined
      const next = await this.about({ kind: 'identity', id: to, limit: 0, before: '' })
      path.push(to)
      if ('known' in next) root = next.known
      // A join that was just decided has not reached its target yet.
      else if (next.reply.status === 404)
        root = { id: to, joined: null, links: [], pendingCount: 0 }
      else return next.reply
    }
    const { id, links, pendingCount } = root
    const profile = { id, links, pendingCount }
    return { status: 200, body: JSON.stringify({ ...first.known, path, profile }) }
  }

  private async about(query: IdentityQuery): Promise<Told> {
    const reply = await this.ask(ownerOf(parseKey(query.id), this.shardCount), query)
    return reply.status === 200 ? { known: JSON.parse(reply.body) as Known } : { reply }
  }
}
