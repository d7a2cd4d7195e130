import { HttpClient } from './http-client.ts'
import type { HttpAnswer } from './http-client.ts'
import type { ProfileId } from './identity-ledger.ts'
import { KEYS } from './server-process.ts'

const PAGE_EVENTS = 1000
/** Pages of one profile; a cluster has some hundred events. */
const PAGES_MAX = 50

/** A part of `GET /v1/profiles/{id}` under the campaign's profile definition. */
export interface Profile {
  readonly id: ProfileId
  readonly firstSeenAt: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly behaviour: Readonly<Record<string, number>>
  readonly consumption: Readonly<Record<string, number>>
  readonly machines: Readonly<Record<string, string>>
  readonly segments: readonly string[]
  readonly links: readonly { readonly id: ProfileId }[]
}

export interface ProfileEvent {
  readonly position: string
  readonly type: string
  readonly time: string
  readonly message: {
    readonly messageId?: string
    readonly event?: string
    readonly properties?: { readonly revenue?: number }
  }
}

/** A profile, or a part of it, is answered with an error. */
export class Unreadable extends Error {}

export interface ProfileSource {
  /** Null where there is none; `at`: as of then. */
  profile(id: ProfileId, at?: number): Promise<Profile | null>
  /** All events of a profile, newest first. */
  events(id: ProfileId): Promise<readonly ProfileEvent[]>
}

/** Profiles by the routes for reading. Throws `NoAnswer` and {@link Unreadable}. */
export class ProfileReader implements ProfileSource {
  readonly #client = new HttpClient()
  readonly #timeoutMs: number
  readonly #address: () => Promise<string>

  constructor(address: () => Promise<string>, timeoutMs: number) {
    this.#address = address
    this.#timeoutMs = timeoutMs
  }

  async profile(id: ProfileId, at?: number): Promise<Profile | null> {
    const query = at === undefined ? '' : `?at=${at}`
    const { status, body } = await this.#get(`/v1/profiles/${encodeURIComponent(id)}${query}`)
    return status === 404 ? null : (body as Profile)
  }

  async events(id: ProfileId): Promise<readonly ProfileEvent[]> {
    const events: ProfileEvent[] = []
    let before = ''
    for (let page = 0; page < PAGES_MAX; page++) {
      const query = `limit=${PAGE_EVENTS}${before === '' ? '' : `&before=${before}`}`
      const { status, body } = await this.#get(
        `/v1/profiles/${encodeURIComponent(id)}/events?${query}`,
      )
      if (status === 404) return events
      const read = body as { events: ProfileEvent[]; cursor: { next: string | null } }
      events.push(...read.events)
      if (read.cursor.next === null) return events
      before = read.cursor.next
    }
    throw new Unreadable(`${id} has more than ${PAGES_MAX} pages of events`)
  }

  /** Values of a metric, by label or not; none where the server has no such metric. */
  async metric(name: string): Promise<number[]> {
    const { text } = await this.#get('/metrics')
    const lines = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))
    return Array.from(lines, (line) => Number(line[1]))
  }

  close(): void {
    this.#client.close()
  }

  async #get(path: string): Promise<HttpAnswer> {
    const address = await this.#address()
    const authorization = `Bearer ${KEYS.read}`
    const answer = await this.#client.send(address, {
      path,
      authorization,
      timeoutMs: this.#timeoutMs,
    })
    if (answer.status === 200 || answer.status === 404) return answer
    throw new Unreadable(`${path} answers ${answer.status}: ${answer.text.slice(0, 300)}`)
  }
}
