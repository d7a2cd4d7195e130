import { LimnError } from '../../protocol/errors.ts'
import type { Calibration, CalibrationKind } from '../calibration/calibration.ts'
import type { SelectOptions, SearchOptions, ThresholdChoice } from '../definition.ts'
import type { EvaluatedTask } from '../evaluation/outcome.ts'
import { bestF1, lowestCost } from '../evaluation/threshold.ts'
import { findLeaks, refuseLeaks } from '../leaks/find-leaks.ts'
import type { Learner } from '../learners/learner.ts'
import type { Parameters } from '../learners/predictor.ts'
import { loadLearner } from '../learners/registry.ts'
import { withParameters } from '../learners/with-parameters.ts'
import { findDrift } from '../preparation/find-drift.ts'
import type { DataTable } from '../table/read-table.ts'
import type { FailedLearner } from '../version/manifest.ts'
import { predictMean, type Member } from '../version/model-version.ts'
import { calibrationOf, crossCalibrated, type HeldPredictions } from './held-predictions.ts'
import { chooseMembers, meanOf } from './members.ts'
import { fitPipeline, takeRows, takeLabelled, type PipelineOptions } from './fit-pipeline.ts'
import { searchModels, type Candidate, type SearchProgress, type SearchResult } from './search.ts'
import type { Round } from './rounds.ts'
import { splitRows, type FoldSplit, type SplitRows, type TimeSplit } from './split-rows.ts'
import { withoutColumns } from './without-columns.ts'

/** Rows to train on. */
export interface TrainingData {
  readonly table: DataTable
  /** Of each row, ms since 1970, ascending; null where rows have no order in time. */
  readonly times: Float64Array | null
  /** Of each row, whose it is; null where every row is somebody else's. */
  readonly groups: Float64Array | null
}

/** How a model is chosen and fitted. */
export interface FitModelRequest {
  /** Names; empty: {@link DEFAULT_LEARNERS} of the task. */
  readonly learners: readonly string[]
  /** Settings instead of a learner's defaults, by its name. */
  readonly parameters: Readonly<Record<string, Parameters>>
  readonly split: FoldSplit | TimeSplit
  readonly search: SearchOptions
  readonly select: SelectOptions | null
  readonly classWeights: 'none' | 'balanced'
  /** Columns on a logarithmic scale, and columns taken together. */
  readonly log: readonly string[]
  readonly crosses: readonly (readonly [string, string])[]
  readonly threshold: ThresholdChoice
  readonly calibration: CalibrationKind | 'auto'
  readonly seed: number
  /** Ends the search after what is being fitted, keeping the best so far. */
  readonly signal?: AbortSignal
  readonly progress?: (progress: SearchProgress) => void
}

/** Rows to fit on; with rows held back, these tell when to stop. */
type FitRows = Pick<Round, 'fit'> & Partial<Pick<Round, 'held'>>

export interface FittedModel {
  readonly task: EvaluatedTask
  /** The data with the columns that the model reads. */
  readonly table: DataTable
  readonly members: readonly Member[]
  readonly calibration: Calibration | null
  readonly threshold: number | null
  readonly split: SplitRows
  readonly tried: readonly Candidate[]
  readonly failed: readonly FailedLearner[]
  /** Rows that the model is evaluated on, and what was predicted for them without knowing them. */
  readonly evaluated: Uint32Array
  readonly predictions: Float32Array
  /** Fits the same members on some of the rows. */
  readonly fitOn: (rows: FitRows) => Promise<Member[]>
}

/** Tried where no learner is named. */
export const DEFAULT_LEARNERS: Readonly<Record<EvaluatedTask, readonly string[]>> = {
  binary: ['logistic', 'boosted_trees', 'random_forest', 'network'],
  multiclass: ['logistic', 'boosted_trees', 'random_forest', 'network'],
  regression: ['linear', 'boosted_trees', 'random_forest', 'network'],
  count: ['linear', 'boosted_trees', 'network'],
}

/**
 * Chooses learner and settings on rows that the candidates were not fitted on, calibrates and chooses
 * the threshold on the same. Without a holdout the choice is then fitted on all rows; with one, on the
 * rows of the first round, whose held rows tell when to stop. Columns that give the
 * label away are refused; of rows in order of time, columns whose values drift are left out.
 *
 * With a holdout in time its rows had no part in any choice. With folds the rows that the choice was
 * made on are also those that the model is evaluated on.
 * @throws LimnError ERR_DATASET_LEAK, ERR_DATASET_EMPTY, ERR_DATASET_ONE_CLASS, ERR_LEARNER_…,
 * ERR_MODEL_DIVERGED, ERR_MODEL_INTERRUPTED (before the first learner was tried)
 */
export async function fitModel(
  { table: whole, times, groups }: TrainingData,
  request: FitModelRequest,
): Promise<FittedModel> {
  const { seed } = request
  const task = taskOf(whole)
  const split = splitRows({ ...whole, times, groups }, request.split, seed)
  refuseLeaks(findLeaks({ ...whole, ...takeLabelled(whole, split.known) }))
  const table = withoutColumns(whole, driftingColumns(whole, split), 'drift')
  const { candidates, failed } = await search(table, split, request)
  const chosen = chooseMembers(candidates, { rounds: split.rounds.length, task, table })
  const fitOn = (round: FitRows): Promise<Member[]> => fitMembers(table, round, chosen, request)
  const members = await fitOn(stopsOnHeldRows(split) ? split.rounds[0] : { fit: split.known })
  const held = heldPredictions(table, chosen, split)
  const calibration = calibrationOf(held, request.calibration, seed)
  const checked = crossCalibrated(held, calibration)
  const threshold = thresholdOf(task, { scores: checked, labels: held.labels }, request.threshold)
  const { holdout } = split
  const choice = { task, table, members, calibration, threshold, split, failed, fitOn }
  const fitted = { ...choice, tried: candidates }
  if (holdout === null) return { ...fitted, evaluated: chosen[0].held, predictions: checked }
  const predictions = predictRows(table, holdout, fitted)
  return { ...fitted, evaluated: holdout, predictions }
}

function taskOf({ task }: DataTable): EvaluatedTask {
  if (task === 'binary' || task === 'multiclass' || task === 'regression' || task === 'count') {
    return task
  }
  throw new LimnError('ERR_TABLE_LABEL', `a table is not trained for "${task}"`)
}

/** Looked for between the rows that candidates are fitted on and later ones. */
function driftingColumns(table: DataTable, { facts, rounds }: SplitRows): string[] {
  const [round] = rounds
  return facts.kind === 'time' && rounds.length === 1 ? findDrift(table, round.fit, round.held) : []
}

async function search(
  table: DataTable,
  split: SplitRows,
  request: FitModelRequest,
): Promise<SearchResult> {
  const learners = await loadLearners(taskOf(table), request)
  const { seed, signal, progress } = request
  const { method, trials } = request.search
  const options = pipelineOptions(table, request)
  const { rounds } = split
  const validate = stopsOnHeldRows(split)
  const wanted = { learners, rounds, method, trials, options, validate, seed, signal, progress }
  const result = await searchModels(table, wanted)
  const [best] = result.candidates
  if (best === undefined || best.rounds < rounds.length) {
    throw new LimnError('ERR_MODEL_INTERRUPTED', 'interrupted before the first learner was tried')
  }
  const candidates = result.candidates.map((candidate) => {
    const given = request.parameters[candidate.learner.name]
    return { ...candidate, parameters: { ...given, ...candidate.parameters } }
  })
  return { ...result, candidates }
}

/** @throws LimnError ERR_LEARNER_UNKNOWN, ERR_LEARNER_PARAMETER */
export async function loadLearners(
  task: EvaluatedTask,
  { learners, parameters }: Pick<FitModelRequest, 'learners' | 'parameters'>,
): Promise<Learner[]> {
  const names = learners.length > 0 ? learners : DEFAULT_LEARNERS[task]
  const loaded = await Promise.all(names.map(loadLearner))
  return loaded.map((learner) => {
    const given = Object.hasOwn(parameters, learner.name) ? parameters[learner.name] : {}
    return withParameters(learner, given)
  })
}

/** Of columns that drifted away nothing is asked any more. */
function pipelineOptions({ columns }: DataTable, request: FitModelRequest): PipelineOptions {
  const { select, classWeights } = request
  const isThere = (name: string): boolean => columns.some((column) => column.name === name)
  const crosses = request.crosses.filter((pair) => pair.every(isThere))
  return { select, classWeights, preparation: { log: request.log.filter(isThere), crosses } }
}

/**
 * Whether the rows that candidates are compared on also end their fits: where others are evaluated in
 * the end. Rows that a learner would keep aside of its own hold the same shoppers as those it is fitted
 * on, and see no change coming.
 */
function stopsOnHeldRows({ holdout }: SplitRows): boolean {
  return holdout !== null
}

async function fitMembers(
  table: DataTable,
  { fit, held }: FitRows,
  chosen: readonly Candidate[],
  request: FitModelRequest,
): Promise<Member[]> {
  const options = pipelineOptions(table, request)
  const { seed } = request
  const members: Member[] = []
  for (const { learner, parameters } of chosen) {
    const given = { parameters, seed, options, ...(held === undefined ? {} : { validation: held }) }
    const pipeline = await fitPipeline(learner, table, fit, given)
    members.push({ learner: learner.name, parameters, pipeline })
  }
  return members
}

function heldPredictions(
  table: DataTable,
  chosen: readonly Candidate[],
  { rounds }: SplitRows,
): HeldPredictions {
  const [{ held }] = chosen
  const roundOfRow = new Map<number, number>()
  rounds.forEach((round, i) => round.held.forEach((row) => roundOfRow.set(row, i)))
  return {
    outputs: meanOf(chosen.map(({ predictions }) => predictions)),
    labels: Float32Array.from(held, (row) => table.labels[row]),
    classes: table.classes,
    roundOf: Uint16Array.from(held, (row) => roundOfRow.get(row) ?? 0),
  }
}

function thresholdOf(
  task: EvaluatedTask,
  { scores, labels }: { scores: Float32Array; labels: Float32Array },
  choice: ThresholdChoice,
): number | null {
  if (task !== 'binary') return null
  const rows = { scores, labels, weights: null }
  return (choice.by === 'f1' ? bestF1(rows) : lowestCost(rows, choice)).threshold
}

/** Calibrated predictions of a fitted model for some rows of its table. */
export function predictRows(
  table: DataTable,
  rows: Uint32Array,
  model: Pick<FittedModel, 'members' | 'calibration'>,
): Float32Array {
  const pipelines = model.members.map(({ pipeline }) => pipeline)
  const raw = takeRows(table, rows)
  const out = new Float32Array(raw.count * pipelines[0].outputs)
  predictMean({ pipelines, calibration: model.calibration }, raw.rows, raw.count, out)
  return out
}
