/**
 * Fits of a search that are done and to do, and how long the latter will take by how long each
 * learner's took so far. Owned by one search.
 */
export class FitTimes {
  private readonly rounds: number
  private readonly seconds = new Map<string, { sum: number; fits: number }>()
  /** Learners whose candidates wait, in order; null: the best one's. */
  private waiting: readonly (string | null)[]
  private current = ''
  private roundsLeft = 0
  private finished = 0
  /** Of the fit at work, when it first told and when it told last. */
  private first: Mark | null = null
  private last: Mark | null = null

  constructor(learners: readonly string[], plan: { readonly rounds: number; trials: number }) {
    this.rounds = plan.rounds
    this.waiting = [...learners, ...Array<null>(plan.trials).fill(null)]
  }

  get done(): number {
    return this.finished
  }

  /** Fits done and to do. */
  get total(): number {
    return this.finished + this.roundsLeft + this.rounds * this.waiting.length
  }

  /** The learners are through; so many settings of the best one are to come. */
  expectTrials(trials: number): void {
    this.waiting = Array<null>(trials).fill(null)
  }

  /** The next candidate begins. */
  start(learner: string): void {
    this.waiting = this.waiting.slice(1)
    this.current = learner
    this.roundsLeft = this.rounds
  }

  /** Amid a round of it: seconds since it began, and the share of the learner's fit that is done. */
  fitting(seconds: number, share: number): void {
    this.last = { seconds, share }
    this.first ??= this.last
  }

  /** One round of it is through. */
  fitted(seconds: number): void {
    const { sum, fits } = this.seconds.get(this.current) ?? { sum: 0, fits: 0 }
    this.seconds.set(this.current, { sum: sum + seconds, fits: fits + 1 })
    this.finished++
    this.roundsLeft--
    this.forgetFit()
  }

  /** It ends, whatever rounds are left. */
  end(): void {
    this.roundsLeft = 0
    this.forgetFit()
  }

  /**
   * A learner without a fit is taken to need what the fit at work will if it is its own, or else what
   * the fits so far did in the mean; null while nothing is known of any.
   * @param best whose settings will be tried
   */
  secondsLeft(best: string | null): number | null {
    const usual = this.usualSeconds()
    if (usual === null) return null
    const secondsOf = (learner: string): number => {
      const own = this.seconds.get(learner)
      if (own !== undefined) return own.sum / own.fits
      return learner === this.current ? (this.foreseen() ?? usual) : usual
    }
    return this.waiting.reduce(
      (left, learner) => left + this.rounds * secondsOf(learner ?? best ?? this.current),
      Math.max(0, this.roundsLeft * secondsOf(this.current) - (this.last?.seconds ?? 0)),
    )
  }

  private usualSeconds(): number | null {
    const all = [...this.seconds.values()]
    const fits = all.reduce((sum, one) => sum + one.fits, 0)
    if (fits === 0) return this.foreseen()
    return all.reduce((sum, one) => sum + one.sum, 0) / fits
  }

  /**
   * What the fit at work will need if it goes on as since it first told, before which its inputs were
   * prepared; null while little is done.
   */
  private foreseen(): number | null {
    const { first, last } = this
    if (first === null || last === null || last.share - first.share < SHARE_MIN) return null
    const pace = (last.seconds - first.seconds) / (last.share - first.share)
    return last.seconds + (1 - last.share) * pace
  }

  private forgetFit(): void {
    this.first = null
    this.last = null
  }
}

interface Mark {
  readonly seconds: number
  readonly share: number
}

/** With less of a fit done, its pace says nothing. */
const SHARE_MIN = 0.05
