import { LimnError } from '../../protocol/errors.ts'
import type { Learner } from '../learners/learner.ts'
import type { Parameters } from '../learners/predictor.ts'
import { FitTimes } from './fit-times.ts'
import { HeldAnswers } from './held-answers.ts'
import { meanLoss } from './loss.ts'
import {
  fitPipeline,
  labelsOf,
  takeRows,
  type LearningTable,
  type PipelineOptions,
} from './fit-pipeline.ts'
import type { Round } from './rounds.ts'
import { drawSettings, gridSettings } from './settings.ts'

export const SEARCH_METHODS = ['random', 'grid'] as const

export interface SearchRequest {
  readonly learners: readonly Learner[]
  /** What every candidate is fitted on and judged by. No row is held by two rounds. */
  readonly rounds: readonly Round[]
  readonly method: (typeof SEARCH_METHODS)[number]
  /** Settings tried for the learner that is best with its defaults, at most; 0: defaults alone. */
  readonly trials: number
  readonly options: PipelineOptions
  readonly seed: number
  /**
   * A round's held rows also tell its fits when to stop. What is predicted for them is then no longer
   * what a model says of rows it never saw: only where other rows are evaluated in the end.
   */
  readonly validate: boolean
  /** Ends the search, keeping what is whole; the first candidate is finished, so that there is one. */
  readonly signal?: AbortSignal
  readonly progress?: (progress: SearchProgress) => void
}

export interface SearchProgress {
  /** Fits done and to do; the latter falls when a setting is given up early. */
  readonly done: number
  readonly total: number
  /** Being fitted. */
  readonly learner: string
  /** Least mean loss so far, null before the first. */
  readonly best: number | null
  /** By how long each learner's fits took so far; null while nothing is known of the first. */
  readonly secondsLeft: number | null
}

/** A learner with settings, and how it did on rows it was not fitted on. */
export interface Candidate {
  readonly learner: Learner
  readonly parameters: Parameters
  /** Mean over the rounds that were run. */
  readonly loss: number
  /** Rounds that were run; fewer than all where it was given up. */
  readonly rounds: number
  readonly seconds: number
  /** Rows that were predicted, in ascending order: those held by the rounds that were run. */
  readonly held: Uint32Array
  /** `held × outputs`, each row predicted by the model of the round that held it. */
  readonly predictions: Float32Array
  readonly outputs: number
}

/** A learner with settings that could not be fitted. */
export interface FailedCandidate {
  readonly learner: string
  readonly parameters: Parameters
  readonly code: string
  readonly message: string
}

export interface SearchResult {
  /** The best first; behind them those that were given up before their last round. */
  readonly candidates: readonly Candidate[]
  readonly failed: readonly FailedCandidate[]
}

/** Amid a fit, progress is told no more often. */
const REPORT_EVERY_MS = 250
/** Rounds after which a setting is given up that is worse than the best by more than the noise. */
const ROUNDS_BEFORE_GIVING_UP = 2

/**
 * Tries every learner with its defaults in all rounds, then settings of the best one: random ones,
 * drawn from its parameters' grids (Bergstra & Bengio, JMLR 13, 2012), or those of the grids
 * themselves. Preparation, selection of inputs and class weights are fitted anew in every round, on
 * the rows that it fits on.
 *
 * What cannot be fitted is told in `failed`, and the others go on.
 * @throws LimnError the first one, where no candidate could be fitted
 */
export async function searchModels(
  table: LearningTable,
  request: SearchRequest,
): Promise<SearchResult> {
  const search = new Search(table, request)
  for (const learner of new Set(request.learners)) await search.run(learner, {})
  const [best] = search.whole()
  if (best !== undefined) {
    const { method, trials, seed } = request
    const settingsOf = method === 'grid' ? gridSettings : drawSettings
    const settings = settingsOf(best.learner, trials, seed)
    search.expectTrials(settings.length)
    for (const parameters of settings) await search.run(best.learner, parameters)
  }
  return search.finish()
}

class Search {
  private readonly table: LearningTable
  private readonly request: SearchRequest
  private readonly candidates: Candidate[] = []
  private readonly failed: FailedCandidate[] = []
  private readonly times: FitTimes
  private firstError: LimnError | null = null
  private reportedAt = 0

  constructor(table: LearningTable, request: SearchRequest) {
    this.table = table
    this.request = request
    const names = [...new Set(request.learners)].map(({ name }) => name)
    this.times = new FitTimes(names, { rounds: request.rounds.length, trials: request.trials })
  }

  whole(): Candidate[] {
    const whole = this.candidates.filter(({ rounds }) => rounds === this.request.rounds.length)
    return whole.sort((a, b) => a.loss - b.loss)
  }

  expectTrials(trials: number): void {
    this.times.expectTrials(trials)
  }

  finish(): SearchResult {
    const { candidates, failed, firstError, request } = this
    const whole = this.whole()
    if (whole.length === 0 && firstError !== null) throw firstError
    const givenUp = candidates.filter(({ rounds }) => rounds < request.rounds.length)
    return { candidates: [...whole, ...givenUp], failed }
  }

  /** Adds the candidate, or why there is none; nothing where the search was ended before or amid it. */
  async run(learner: Learner, parameters: Parameters): Promise<void> {
    if (this.isEnded()) return
    this.times.start(learner.name)
    this.report(learner)
    try {
      const candidate = await this.tryOut(learner, parameters)
      if (candidate !== null) this.candidates.push(candidate)
    } catch (error) {
      if (!(error instanceof LimnError)) throw error
      this.firstError ??= error
      const { code, message } = error
      this.failed.push({ learner: learner.name, parameters, code, message })
    }
    this.times.end()
    this.report(learner)
  }

  /** All rounds, or as many as are needed to give it up; null where the search was ended amid it. */
  private async tryOut(learner: Learner, parameters: Parameters): Promise<Candidate | null> {
    const started = performance.now()
    const answers = new HeldAnswers()
    const losses: number[] = []
    for (const round of this.request.rounds) {
      const fitStarted = performance.now()
      const { predictions, loss } = await this.fitRound(learner, parameters, round)
      if (this.isEnded()) return null
      answers.add(round.held, predictions)
      losses.push(loss)
      this.times.fitted((performance.now() - fitStarted) / 1000)
      if (this.isHopeless(losses)) break
      this.report(learner)
    }
    const seconds = (performance.now() - started) / 1000
    const [loss, rounds] = [mean(losses), losses.length]
    return { learner, parameters, loss, rounds, seconds, ...answers.inOrder() }
  }

  private async fitRound(
    learner: Learner,
    parameters: Parameters,
    { fit, held }: Round,
  ): Promise<{ predictions: Float32Array; loss: number }> {
    const { table, request } = this
    const { seed, options, validate } = request
    const started = performance.now()
    const pipeline = await fitPipeline(learner, table, fit, {
      parameters,
      seed,
      options,
      progress: ({ done, total }) => {
        this.times.fitting((performance.now() - started) / 1000, done / total)
        if (performance.now() - this.reportedAt > REPORT_EVERY_MS) this.report(learner)
      },
      signal: this.whole().length > 0 ? request.signal : undefined,
      ...(validate ? { validation: held } : {}),
    })
    const raw = takeRows(table, held)
    const predictions = new Float32Array(raw.count * pipeline.outputs)
    pipeline.predict(raw.rows, raw.count, predictions)
    pipeline.dispose()
    const task = table.task ?? 'regression'
    const loss = meanLoss(task, predictions, labelsOf(table, held), pipeline.outputs)
    if (Number.isFinite(loss)) return { predictions, loss }
    const message = `${learner.name} predicts what is no number for rows that it was not fitted on`
    throw new LimnError('ERR_MODEL_DIVERGED', message)
  }

  /** An interrupt counts from when there is something to keep. */
  private isEnded(): boolean {
    return this.request.signal?.aborted === true && this.whole().length > 0
  }

  /** Whether the mean loss is above the best one's by more than two standard errors of its rounds. */
  private isHopeless(losses: readonly number[]): boolean {
    const [best] = this.whole()
    if (best === undefined || losses.length < ROUNDS_BEFORE_GIVING_UP) return false
    if (losses.length === this.request.rounds.length) return false
    const centre = mean(losses)
    const spread = mean(losses.map((loss) => (loss - centre) ** 2))
    return centre - best.loss > 2 * Math.sqrt(spread / losses.length)
  }

  private report(learner: Learner): void {
    this.reportedAt = performance.now()
    const [best] = this.whole()
    this.request.progress?.({
      done: this.times.done,
      total: this.times.total,
      learner: learner.name,
      best: best?.loss ?? null,
      secondsLeft: this.times.secondsLeft(best?.learner.name ?? null),
    })
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
