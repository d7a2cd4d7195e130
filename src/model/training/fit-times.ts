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
  /** Of the fit at work: how long it took so far, and its share that is done, 0 to 1. */
  private fit = NOT_BEGUN

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

  /** Amid a round of it. */
  fitting(seconds: number, share: number): void {
    this.fit = { seconds, share }
  }

  /** One round of it is through. */
  fitted(seconds: number): void {
    const { sum, fits } = this.seconds.get(this.current) ?? { sum: 0, fits: 0 }
    this.seconds.set(this.current, { sum: sum + seconds, fits: fits + 1 })
    this.finished++
    this.roundsLeft--
    this.fit = NOT_BEGUN
  }

  /** It ends, whatever rounds are left. */
  end(): void {
    this.roundsLeft = 0
    this.fit = NOT_BEGUN
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
      Math.max(0, this.roundsLeft * secondsOf(this.current) - this.fit.seconds),
    )
  }

  private usualSeconds(): number | null {
    const all = [...this.seconds.values()]
    const fits = all.reduce((sum, one) => sum + one.fits, 0)
    if (fits === 0) return this.foreseen()
    return all.reduce((sum, one) => sum + one.sum, 0) / fits
  }

  /** What the fit at work will need if it goes on as so far. */
  private foreseen(): number | null {
    return this.fit.share > 0 ? this.fit.seconds / this.fit.share : null
  }
}

const NOT_BEGUN = { seconds: 0, share: 0 }
