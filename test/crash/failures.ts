/** What the audit may find; each category is a promise of docs/runtime-semantics.md. */
export const CATEGORIES = {
  lost: 'acknowledged events that no profile has',
  doubled: 'events that are there more than once',
  misplaced: 'events or ids in another profile than the one they belong to',
  phantom: 'events that were refused or never sent, and are there',
  counts: 'profiles whose traits are not what their events say',
  portrait: 'first seen, attributes or links that the events do not say',
  timeTravel: 'profiles that `?at=` now tells differently',
  timers: 'shoppers whose machine did not move when its time had come',
  refused: 'messages refused that had to be accepted',
  unreadable: 'groups of ids whose profiles cannot be read',
  unanswered: 'messages that a living server did not answer',
  prediction: 'answers without the prediction that was asked for',
  quiet: 'servers that do not come to rest: processor, joins, stop',
  check: 'findings of `limn check`',
  process: 'starts that failed and ends that nobody asked for',
} as const

export type Category = keyof typeof CATEGORIES

export const CATEGORY_NAMES = Object.keys(CATEGORIES) as readonly Category[]

export interface Failure {
  readonly category: Category
  /** What it is about: a message id, a profile, a process. */
  readonly subject: string
  readonly detail: string
  readonly directory: string
  /** Kills of this directory's server until then. */
  readonly kills: number
}

/** Failures of a category whose details are kept; all are counted. */
const DETAILS_MAX = 25

/**
 * All failures of a campaign. The same subject fails once in a category: a lost event stays lost, and
 * later audits see it again.
 */
export class Failures {
  readonly details: Failure[] = []
  readonly #counts = new Map<Category, number>()
  readonly #known = new Set<string>()
  readonly #say: (text: string) => void

  constructor(say: (text: string) => void) {
    this.#say = say
  }

  get total(): number {
    return this.#known.size
  }

  count(category: Category): number {
    return this.#counts.get(category) ?? 0
  }

  report(failure: Failure): void {
    const { category, subject, directory, detail, kills } = failure
    const key = `${category} ${directory} ${subject}`
    if (this.#known.has(key)) return
    this.#known.add(key)
    this.#counts.set(category, this.count(category) + 1)
    if (this.count(category) > DETAILS_MAX) return
    this.details.push(failure)
    this.#say(`FAILURE ${category}: ${subject}: ${detail} (after ${kills} kills of ${directory})`)
  }
}
