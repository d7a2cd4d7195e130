import { loadLearner } from '../src/model/learners/registry.ts'
import type { DataTable } from '../src/model/table/read-table.ts'
import { fitModel, predictRows } from '../src/model/training/fit-model.ts'
import { chooseMembers } from '../src/model/training/members.ts'
import { fitPipeline, PLAIN_PIPELINE } from '../src/model/training/fit-pipeline.ts'
import type { Pipeline } from '../src/model/version/pipeline.ts'
import type { Round } from '../src/model/training/rounds.ts'
import { searchModels } from '../src/model/training/search.ts'
import type { Candidate } from '../src/model/training/search.ts'
import { predictMean } from '../src/model/version/model-version.ts'
import { rawRows, tableColumns } from './frame.ts'
import type { Supervised } from './frame.ts'
import type { Scored } from './models.ts'

export interface Searched extends Scored {
  /** The learners of the mean. */
  readonly chosen: readonly string[]
}

export interface FoldSearch {
  /** Of the training rows, on which candidates are compared. */
  readonly folds: number
  /** Settings drawn for the best learner. */
  readonly trials: number
  readonly seed: number
}

/** Of every search that is run anew within each fold of a protocol; the command has 5 and 8. */
export const NESTED = { folds: 3, trials: 4 }

export interface RoundSearch extends Omit<FoldSearch, 'folds'> {
  /** Settings are drawn for each of them. */
  readonly learners: readonly string[]
  /** Of the training rows. */
  readonly rounds: readonly Round[]
  /**
   * Whether held rows also end the fits, where those that a learner keeps of its own would tell too
   * much; the mean is then of the models of all rounds, each stopped by its own held rows.
   */
  readonly stop: boolean
}

/**
 * What `limn train` does with a table: learners and drawn settings are compared by cross-validation
 * within the training rows, and the mean of the best is calibrated on the same. No test row has a part.
 */
export async function scoreSearched(given: Supervised, search: FoldSearch): Promise<Searched> {
  const { folds, trials, seed } = search
  const { training, test } = tablesOf(given)
  const started = performance.now()
  const fitted = await fitModel(
    { table: training, times: null, groups: null },
    {
      learners: [],
      split: { kind: 'folds', folds },
      search: { method: 'random', trials },
      select: null,
      classWeights: 'none',
      log: [],
      crosses: [],
      parameters: {},
      threshold: { by: 'f1' },
      calibration: 'auto',
      seed,
    },
  )
  const seconds = (performance.now() - started) / 1000
  const scores = predictRows(test, everyRow(test), fitted)
  const chosen = fitted.members.map(({ learner, pipeline }) => {
    pipeline.dispose()
    return learner
  })
  return { scores, seconds, chosen }
}

/**
 * The same choice where rows depend on each other, so that random folds would tell too much: compared
 * on rounds that the protocol cuts. Not calibrated.
 */
export async function scoreSearchedOn(given: Supervised, search: RoundSearch): Promise<Searched> {
  const { rounds, seed, stop } = search
  const { training, test } = tablesOf(given)
  const started = performance.now()
  const candidates = await searchEach(training, search)
  const task = given.task === 'binary' ? 'binary' : 'regression'
  const chosen = chooseMembers(candidates, { rounds: rounds.length, task, table: training })
  const pipelines: Pipeline[] = []
  for (const { learner, parameters } of chosen) {
    const request = { parameters, seed, options: PLAIN_PIPELINE }
    const parts = stop ? rounds : [{ fit: everyRow(training), held: undefined }]
    for (const { fit, held } of parts) {
      pipelines.push(await fitPipeline(learner, training, fit, { ...request, validation: held }))
    }
  }
  const seconds = (performance.now() - started) / 1000
  const scores = new Float32Array(test.count)
  predictMean({ pipelines, calibration: null }, test.rows, test.count, scores)
  for (const pipeline of pipelines) pipeline.dispose()
  return { scores, seconds, chosen: chosen.map(({ learner }) => learner.name) }
}

/** Every learner with its defaults and drawn settings; the best first. */
async function searchEach(table: DataTable, search: RoundSearch): Promise<Candidate[]> {
  const { learners, rounds, trials, seed, stop } = search
  const wanted = { rounds, trials, seed, validate: stop, options: PLAIN_PIPELINE }
  const found: Candidate[] = []
  for (const name of learners) {
    const of = { ...wanted, learners: [await loadLearner(name)], method: 'random' as const }
    const { candidates } = await searchModels(table, of)
    found.push(...candidates.filter((candidate) => candidate.rounds === rounds.length))
  }
  return found.sort((a, b) => a.loss - b.loss)
}

/** How often each learner was chosen, for a note. */
export function describeChosen(runs: readonly Searched[]): string {
  const times = new Map<string, number>()
  for (const name of runs.flatMap(({ chosen }) => chosen)) {
    times.set(name, (times.get(name) ?? 0) + 1)
  }
  return [...times].map(([name, count]) => `${name} ${count} of ${runs.length}`).join(', ')
}

/** Training and test rows as tables of one schema. */
function tablesOf(given: Supervised): { training: DataTable; test: DataTable } {
  const { task, training, test, labels } = given
  const columns = tableColumns(training, test)
  const shape = {
    schema: { columns, ignored: [], label: null },
    columns,
    task,
    classes: task === 'binary' ? 2 : 0,
    unlabelled: 0,
    unknownLabels: 0,
    misfits: {},
    extra: [],
  }
  return {
    training: { ...shape, ...rawRows(training, columns), labels },
    test: { ...shape, ...rawRows(test, columns), labels: new Float32Array(0) },
  }
}

function everyRow({ count }: DataTable): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row)
}
