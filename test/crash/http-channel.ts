import { outcomesOf, sameOutcomes } from './channel.ts'
import type { Channel, Outcome, RejectedItem, Sending } from './channel.ts'
import { HttpClient, NoAnswer } from './http-client.ts'
import type { HttpAnswer } from './http-client.ts'
import { KEYS } from './server-process.ts'
import type { Connection } from './server-process.ts'

const AUTHORIZATION = `Basic ${Buffer.from(`${KEYS.write}:`).toString('base64')}`

interface Body {
  readonly rejected?: readonly RejectedItem[]
  readonly predictions?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: string }
}

/** `/v1/track`, `/v1/identify`, `/v1/alias`, `/v1/batch`, `/v1/import`. */
export class HttpChannel implements Channel {
  readonly #client = new HttpClient()
  readonly #timeoutMs: number

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  async send({ address }: Connection, sending: Sending): Promise<readonly Outcome[]> {
    const { messages, history, predict, single } = sending
    const route = history ? 'import' : (single ?? 'batch')
    const path = `/v1/${route}${predict === null ? '' : `?predict=${predict}`}`
    const body = route === single ? messages[0] : `{"batch":[${messages.join(',')}]}`
    try {
      const timeoutMs = this.#timeoutMs
      const request = { path, body, authorization: AUTHORIZATION, timeoutMs }
      return this.#outcomes(await this.#client.send(address, request), sending)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      return sameOutcomes(messages.length, { kind: 'lost', timedOut: error.timedOut })
    }
  }

  close(): void {
    this.#client.close()
  }

  #outcomes({ status, body }: HttpAnswer, { messages, predict }: Sending): readonly Outcome[] {
    const { error, rejected, predictions } = (body ?? {}) as Body
    const count = messages.length
    if (status === 200) {
      const outcomes = outcomesOf(count, rejected)
      const last = outcomes[count - 1]
      if (predict === null || last.kind !== 'accepted') return outcomes
      return [...outcomes.slice(0, -1), { ...last, prediction: predictions?.[predict] ?? null }]
    }
    const code = error?.code ?? `HTTP ${status}`
    if (status === 429 || status === 503) return sameOutcomes(count, { kind: 'busy', code })
    if (rejected !== undefined && rejected.length === count) return outcomesOf(count, rejected)
    return sameOutcomes(count, { kind: 'refused', code })
  }
}
