import { IdentityLedger } from './identity-ledger.ts'
import type { Origin, ProfileId } from './identity-ledger.ts'

export const VIEW = 'Product Viewed'
export const ORDER = 'Order Completed'

/** What the campaign knows of one message that it sent. */
export interface Entry {
  readonly messageId: string
  readonly type: 'track' | 'identify' | 'alias'
  /** As it is sent, each time the same. */
  readonly text: string
  readonly origin: Origin
  /** Event time of history; null for what happens now. */
  readonly historyTime: number | null
  /** Attributes that it sets. */
  readonly attributes: Readonly<Record<string, string>>
  state: 'sent' | 'acknowledged' | 'refused'
  /** Answers came in this order: of two that set an attribute in turn, the later one counts. */
  answered: number
}

export interface MessageFields {
  readonly type: Entry['type']
  /** Whose event it is; an identify's and alias's user. */
  readonly id: ProfileId
  /** identify: the device; alias: the former id. */
  readonly other?: ProfileId
  readonly event?: string
  readonly revenue?: number
  readonly attributes?: Readonly<Record<string, string>>
  readonly historyTime?: number
}

/**
 * Ids that may become one profile, with all messages about them: the unit of the ledger. Clusters
 * share no id, so each is audited alone. Owns its entries; the ledger knows nothing of the server.
 */
export class Cluster {
  readonly name: string
  readonly identity = new IdentityLedger()
  readonly entries = new Map<string, Entry>()
  /** A message was given up without an answer: what it did is not known, and never will be. */
  stuck = false
  /** Ids that had events when they were joined to another one: the profile must name them. */
  readonly joined = new Set<ProfileId>()
  #answers = 0
  #ids = 0

  constructor(name: string) {
    this.name = name
  }

  newUser(): ProfileId {
    const id = `user:${this.name}-u${this.#ids++}`
    this.identity.addUser(id)
    return id
  }

  newDevice(): ProfileId {
    const id = `anonymous:${this.name}-d${this.#ids++}`
    this.identity.addDevice(id)
    return id
  }

  /** A message that is about to be sent. */
  add(fields: MessageFields): Entry {
    const messageId = `${this.name}-m${this.entries.size}`
    const entry: Entry = {
      messageId,
      type: fields.type,
      text: messageText(messageId, fields),
      origin: this.identity.originOf(fields.id),
      historyTime: fields.historyTime ?? null,
      attributes: fields.attributes ?? {},
      state: 'sent',
      answered: 0,
    }
    this.entries.set(messageId, entry)
    return entry
  }

  /** Takes an answer; false where it says something else than an earlier one. */
  settle(entry: Entry, accepted: boolean): boolean {
    const state = accepted ? 'acknowledged' : 'refused'
    if (entry.state !== 'sent') return entry.state === state
    entry.state = state
    entry.answered = ++this.#answers
    this.identity.closeOrigin(entry.origin)
    return true
  }

  /** The id is about to be joined to another one. */
  noteJoin(id: ProfileId): void {
    if (this.acknowledged().some(({ origin }) => origin.id === id)) this.joined.add(id)
  }

  acknowledged(): Entry[] {
    return [...this.entries.values()].filter(({ state }) => state === 'acknowledged')
  }
}

function messageText(messageId: string, fields: MessageFields): string {
  const { type, id, other, event, revenue, attributes, historyTime } = fields
  const properties = revenue === undefined ? { price: 10 } : { revenue }
  return JSON.stringify({
    type,
    messageId,
    ...idField(id),
    ...(other === undefined ? {} : type === 'alias' ? { previousId: bare(other) } : idField(other)),
    ...(type === 'track' ? { event, properties } : {}),
    ...(type === 'identify' ? { traits: attributes ?? {} } : {}),
    ...(historyTime === undefined ? {} : { timestamp: new Date(historyTime).toISOString() }),
  })
}

function idField(id: ProfileId): Record<string, string> {
  return id.startsWith('user:') ? { userId: bare(id) } : { anonymousId: bare(id) }
}

function bare(id: ProfileId): string {
  return id.slice(id.indexOf(':') + 1)
}
