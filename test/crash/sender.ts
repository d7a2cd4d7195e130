import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel, Outcome } from './channel.ts'
import type { Cluster, Entry } from './cluster.ts'
import type { Category } from './failures.ts'
import type { Connection, ServerProcess } from './server-process.ts'
import type { Tallies } from './tally.ts'

/** A message is sent again at most this often; by then the server does not want it. */
const ATTEMPTS_MAX = 400
const BUSY_MS = 25
/** A first version may not be loaded in the first moments of a start. */
const NOT_SERVED = 'ERR_MODEL_'

/** A living server gave no answer; what became of the message is not known. */
export class GaveUp extends Error {}

export interface Delivery {
  readonly cluster: Cluster
  readonly entries: readonly Entry[]
  readonly channel: Channel
  readonly history?: boolean
  readonly predict?: boolean
  readonly single?: boolean
}

export interface SenderParts {
  readonly server: ServerProcess
  readonly model: string
  readonly tallies: Tallies
  readonly report: (category: Category, subject: string, detail: string) => void
}

/**
 * Sends as a client does that wants each message to count once: until there is an answer, over kills
 * and starts, with the same message id. Enters answers in the ledger.
 */
export class Sender {
  readonly #parts: SenderParts

  constructor(parts: SenderParts) {
    this.#parts = parts
  }

  /** Resolves when all are answered; true where all are accepted. Throws `ServerGone` and
   * {@link GaveUp}. */
  async deliver(delivery: Delivery): Promise<boolean> {
    const { tallies, server } = this.#parts
    let open = delivery.entries
    let accepted = true
    tallies.add('sent', open.filter(({ state }) => state === 'sent').length)
    for (let attempt = 0; open.length > 0; attempt++) {
      if (attempt === ATTEMPTS_MAX) return this.#giveUp(delivery, open, `in ${attempt} attempts`)
      const connection = await server.up()
      const outcomes = await this.#attempt(delivery, open, connection)
      const answered = open.map((entry, i) => this.#settle(delivery, entry, outcomes[i]))
      if (answered.includes(false)) accepted = false
      const alive = server.isUp(connection)
      if (alive && outcomes.some((outcome) => outcome.kind === 'lost' && outcome.timedOut)) {
        return this.#giveUp(delivery, open, 'in time')
      }
      open = open.filter((_, i) => answered[i] === null)
      if (open.length > 0) await this.#beforeAgain(open, attempt === 0 && !alive)
    }
    return accepted
  }

  async #attempt(delivery: Delivery, entries: readonly Entry[], connection: Connection) {
    const { channel, history = false, predict = false, single = false } = delivery
    return channel.send(connection, {
      messages: entries.map(({ text }) => text),
      history,
      predict: predict ? this.#parts.model : null,
      single: single && entries.length === 1 ? entries[0].type : null,
    })
  }

  async #beforeAgain(open: readonly Entry[], cut: boolean): Promise<void> {
    const { tallies } = this.#parts
    tallies.add('retried', open.length)
    if (cut) tallies.add('joinsCut', open.filter(({ type }) => type !== 'track').length)
    await sleep(BUSY_MS)
  }

  /** Whether it is accepted; null where that is not known yet. */
  #settle({ cluster, predict = false }: Delivery, entry: Entry, outcome: Outcome): boolean | null {
    const { tallies, report } = this.#parts
    if (outcome.kind === 'busy') tallies.add('busy')
    if (outcome.kind === 'busy' || outcome.kind === 'lost') return null
    const accepted = outcome.kind === 'accepted'
    const first = entry.state === 'sent'
    if (!cluster.settle(entry, accepted)) {
      report('refused', entry.messageId, `answered ${describe(outcome)}, before ${entry.state}`)
    }
    if (!first) return accepted
    if (accepted) this.#count(entry)
    if (accepted && predict) this.#checkPrediction(entry, outcome.prediction)
    if (!accepted) this.#refused(entry, outcome.code)
    return accepted
  }

  #count({ type, historyTime }: Entry): void {
    const { tallies } = this.#parts
    tallies.add('acknowledged')
    if (historyTime !== null) tallies.add('history')
    if (type === 'alias') tallies.add('aliases')
  }

  /** A join may be refused for its bounds; whether these are near is judged by who sent it. */
  #refused(entry: Entry, code: string): void {
    const { tallies, report } = this.#parts
    if (entry.type !== 'track' && code.startsWith('ERR_IDENTITY_')) return tallies.add('refusals')
    report('refused', entry.messageId, `${code} for ${entry.text.slice(0, 300)}`)
  }

  #checkPrediction({ messageId }: Entry, prediction: unknown): void {
    if (prediction === undefined) return
    const { tallies, report } = this.#parts
    const { score, error } = (prediction ?? {}) as { score?: unknown; error?: { code: string } }
    if (typeof score === 'number' && score >= 0 && score <= 1) return tallies.add('predictions')
    if (error?.code.startsWith(NOT_SERVED) === true) return
    report('prediction', messageId, `found ${JSON.stringify(prediction)}, wanted a score of 0 to 1`)
  }

  #giveUp({ cluster }: Delivery, open: readonly Entry[], when: string): never {
    cluster.stuck = true
    for (const { messageId, text } of open) {
      const detail = `a living server gave no answer ${when} to ${text.slice(0, 200)}`
      this.#parts.report('unanswered', messageId, detail)
    }
    throw new GaveUp(`no answer ${when}`)
  }
}

function describe(outcome: Outcome): string {
  return outcome.kind === 'refused' ? outcome.code : outcome.kind
}
