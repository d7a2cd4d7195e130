import type { Learner, Parameters } from '../learners/learner.ts'
import { Random } from '../random.ts'
import type { DataTable } from '../table/read-table.ts'
import { assignFolds, rowsOfFold } from './folds.ts'
import { meanLoss } from './loss.ts'
import { fitPipeline, takeRows } from './pipeline.ts'

export interface SearchRequest {
  readonly learners: readonly Learner[]
  readonly folds: number
  /** Settings drawn at random for the learner that is best with its defaults; 0: none. */
  readonly trials: number
  readonly seed: number
  /** Ends the search after what is being fitted, keeping the best so far. */
  readonly signal?: AbortSignal
  readonly progress?: (progress: SearchProgress) => void
}

export interface SearchProgress {
  /** Fits done and to do; the latter falls when a setting is given up early. */
  readonly done: number
  readonly total: number
  readonly learner: string
  /** Least mean loss so far, null before the first. */
  readonly best: number | null
}

/** A learner with settings, and how it did on rows it was not fitted on. */
export interface Candidate {
  readonly learner: Learner
  readonly parameters: Parameters
  /** Mean over the folds that were run. */
  readonly loss: number
  readonly folds: number
  readonly seconds: number
  /** `count × outputs`, each row predicted by the model of the fold that does not have it. */
  readonly predictions: Float32Array
  readonly outputs: number
}

/** Folds after which a setting is given up that is worse than the best by more than the noise. */
const FOLDS_BEFORE_GIVING_UP = 2

/**
 * Cross-validates every learner with its defaults, then random settings of the best one, drawn from
 * its parameters' grids (Bergstra & Bengio 2012). Candidates in order of their loss, the best first;
 * behind them those that were given up before their last fold. Every fold's preparation is fitted on
 * that fold's training rows alone.
 */
export async function searchModels(table: DataTable, request: SearchRequest): Promise<Candidate[]> {
  const search = new Search(table, request)
  for (const learner of request.learners) await search.run(learner, {})
  const [best] = search.whole()
  if (best !== undefined) {
    const random = new Random(request.seed)
    for (let trial = 0; trial < request.trials; trial++) {
      await search.run(best.learner, drawParameters(best.learner, random))
    }
  }
  return [...search.whole(), ...search.givenUp()]
}

class Search {
  private readonly table: DataTable
  private readonly request: SearchRequest
  private readonly foldOf: Uint8Array
  private readonly candidates: Candidate[] = []
  private readonly tried = new Set<string>()
  private done = 0
  private total: number

  constructor(table: DataTable, request: SearchRequest) {
    this.table = table
    this.request = request
    const { folds, seed } = request
    this.foldOf = assignFolds(table.labels, { folds, classes: table.classes, seed })
    this.total = (request.learners.length + request.trials) * folds
  }

  whole(): Candidate[] {
    const whole = this.candidates.filter(({ folds }) => folds === this.request.folds)
    return whole.sort((a, b) => a.loss - b.loss)
  }

  givenUp(): Candidate[] {
    return this.candidates.filter(({ folds }) => folds < this.request.folds)
  }

  async run(learner: Learner, parameters: Parameters): Promise<void> {
    const { folds, signal } = this.request
    const name = `${learner.name} ${JSON.stringify(parameters)}`
    if (this.tried.has(name) || (signal?.aborted === true && this.candidates.length > 0)) {
      this.total -= folds
      return
    }
    this.tried.add(name)
    const started = performance.now()
    const { count } = this.table
    let predictions = new Float32Array(0)
    let outputs = 1
    const losses: number[] = []
    for (let fold = 0; fold < folds; fold++) {
      const rows = rowsOfFold(this.foldOf, fold, 'in')
      const answers = await this.fitFold(learner, parameters, fold, rows)
      outputs = answers.length / rows.length
      if (fold === 0) predictions = new Float32Array(count * outputs)
      rows.forEach((row, i) => {
        predictions.set(answers.subarray(i * outputs, (i + 1) * outputs), row * outputs)
      })
      const labels = Float32Array.from(rows, (row) => this.table.labels[row])
      losses.push(meanLoss(this.table.task ?? 'regression', answers, labels, outputs))
      this.done++
      if (this.isHopeless(losses)) break
      this.report(learner)
    }
    this.total -= folds - losses.length
    const seconds = (performance.now() - started) / 1000
    const loss = mean(losses)
    this.candidates.push({
      learner,
      parameters,
      loss,
      folds: losses.length,
      seconds,
      predictions,
      outputs,
    })
    this.report(learner)
  }

  private async fitFold(
    learner: Learner,
    parameters: Parameters,
    fold: number,
    rows: Uint32Array,
  ): Promise<Float32Array> {
    const { seed } = this.request
    const training = rowsOfFold(this.foldOf, fold, 'out')
    const pipeline = await fitPipeline(learner, this.table, training, { parameters, seed })
    const raw = takeRows(this.table, rows)
    const answers = new Float32Array(raw.count * pipeline.outputs)
    pipeline.predict(raw.rows, raw.count, answers)
    pipeline.dispose()
    return answers
  }

  /** Whether the mean loss is above the best one's by more than two standard errors of its folds. */
  private isHopeless(losses: readonly number[]): boolean {
    const [best] = this.whole()
    if (best === undefined || losses.length < FOLDS_BEFORE_GIVING_UP) return false
    if (losses.length === this.request.folds) return false
    const centre = mean(losses)
    const spread = mean(losses.map((loss) => (loss - centre) ** 2))
    return centre - best.loss > 2 * Math.sqrt(spread / losses.length)
  }

  private report(learner: Learner): void {
    const best = this.whole()[0]?.loss ?? null
    this.request.progress?.({ done: this.done, total: this.total, learner: learner.name, best })
  }
}

/** One value of each grid; from the least to the largest where the parameter is on a scale. */
function drawParameters({ parameters }: Learner, random: Random): Parameters {
  const drawn: Record<string, number> = {}
  for (const [name, { grid, whole, logarithmic }] of Object.entries(parameters)) {
    const [first, last] = [grid[0], grid[grid.length - 1]]
    if (grid.length < 2 || !(first < last)) continue
    if (logarithmic && first > 0) {
      const value = first * (last / first) ** random.next()
      drawn[name] = whole ? Math.round(value) : value
    } else drawn[name] = grid[Math.floor(random.next() * grid.length)]
  }
  return drawn
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
