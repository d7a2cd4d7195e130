import { rankingMetrics, valueMetrics } from '../src/model/metrics.ts'
import { scoreCorrecting } from './correcting.ts'
import { frameOfRows } from './frame.ts'
import type { Frame } from './frame.ts'
import { logisticBaseline } from './logistic.ts'
import { available, scoreWith } from './models.ts'
import type { Candidate } from './models.ts'
import { RETAIL_INPUTS, RFM_INPUTS, rowsAt } from './online-retail-inputs.ts'
import type { RetailRows } from './online-retail-inputs.ts'
import { readRetailCustomers } from './online-retail-orders.ts'
import type { RetailCustomer } from './online-retail-orders.ts'
import { meanOf } from './protocol.ts'
import type { Protocol, ProtocolContext, ResultRow, Section } from './protocol.ts'

const DAY_MS = 86_400_000
const HORIZON_DAYS = 90
const TEST_CUTS = ['2010-10-01', '2010-11-01', '2010-12-01', '2011-01-01']
/** Days from a training cut to the test cut: the first has its labels just in time. */
const TRAINING_OFFSETS_DAYS = [90, 120, 150]

/** A few thousand customers, and a season between training and test: small trees, many rows a leaf. */
const SMALL_TREES = { depth: 2, weightMin: 20, inputShare: 0.3 }

const RETURNING: readonly Candidate[] = [
  { label: 'logistic regression', learner: 'logistic' },
  { label: 'neural network', learner: 'network' },
  { label: 'AdaBoost', learner: 'adaboost' },
  { label: 'random forest', learner: 'random_forest' },
  { label: 'boosted trees', learner: 'boosted_trees' },
  { label: 'small boosted trees', learner: 'boosted_trees', parameters: SMALL_TREES },
]
const SPENDING: readonly Candidate[] = [
  { label: 'random forest', learner: 'random_forest' },
  { label: 'boosted trees, Poisson', learner: 'boosted_trees' },
  { label: 'small boosted trees, Poisson', learner: 'boosted_trees', parameters: SMALL_TREES },
]
const LOGARITHMIC: readonly Candidate[] = [
  { label: 'random forest on the logarithm', learner: 'random_forest' },
  { label: 'boosted trees on the logarithm', learner: 'boosted_trees' },
  {
    label: 'small boosted trees on the logarithm',
    learner: 'boosted_trees',
    parameters: SMALL_TREES,
  },
]
const REPEAT: readonly Candidate[] = [
  { label: 'BG/NBD', learner: 'bg_nbd', parameters: { horizon: HORIZON_DAYS } },
  { label: 'Pareto/NBD', learner: 'pareto_nbd', parameters: { horizon: HORIZON_DAYS } },
]

interface Cut {
  readonly date: string
  readonly training: RetailRows
  readonly trainingFrame: Frame
  readonly test: RetailRows
  readonly testFrame: Frame
}

/** Which customers come back in 90 days, and what will they spend? Online Retail II. */
export const onlineRetail: Protocol = {
  name: 'online_retail',
  title: 'Returning customers and their spend: Online Retail II',
  folder: 'online_retail',
  description: `Customers with an order before a cut; predicted is what they do in the ${HORIZON_DAYS} days after it, from ${RETAIL_INPUTS.length} inputs. Test cuts: ${TEST_CUTS.join(', ')}; models are trained on cuts ${TRAINING_OFFSETS_DAYS.join(', ')} days earlier, whose labels were known by then. Figures are means over the test cuts. References are on the full set at cuts in 2011, with more history.`,
  async run(context) {
    const customers = await readRetailCustomers(context.folder)
    context.say(`${customers.length} customers`)
    const cuts = TEST_CUTS.map((date) => cutAt(customers, date))
    for (const { date, test } of cuts) {
      const returned = test.returned.reduce((sum, label) => sum + label, 0)
      context.say(`${date}: ${test.spent.length} customers, ${returned} return`)
    }
    return [await returning(cuts, context), await spending(cuts, context)]
  },
}

function cutAt(customers: readonly RetailCustomer[], date: string): Cut {
  const day = Date.parse(`${date}T00:00:00Z`) / DAY_MS
  const parts = TRAINING_OFFSETS_DAYS.map((offset) => rowsAt(customers, day - offset, HORIZON_DAYS))
  const training: RetailRows = {
    rows: parts.flatMap(({ rows }) => rows),
    spent: Float32Array.from(parts.flatMap(({ spent }) => [...spent])),
    returned: Uint8Array.from(parts.flatMap(({ returned }) => [...returned])),
  }
  const test = rowsAt(customers, day, HORIZON_DAYS)
  return {
    date,
    training,
    trainingFrame: frameOfRows(RETAIL_INPUTS, training.rows),
    test,
    testFrame: frameOfRows(RETAIL_INPUTS, test.rows),
  }
}

async function returning(cuts: readonly Cut[], context: ProtocolContext): Promise<Section> {
  const rows: ResultRow[] = [
    known('recency, full set', [0.708, 0.68]),
    known('RFM logistic, full set', [0.755, 0.76]),
    known('18-input logistic, full set', [0.776, 0.793]),
    known('XGBoost, full set', [0.773, 0.793]),
    known('BG/NBD, full set', [0.765, 0.782]),
  ]
  const add = (label: string, origin: ResultRow['origin'], runs: readonly Run[]): void => {
    const values = cuts.map(({ test }, i) => {
      const { rocAuc, prAuc } = rankingMetrics(runs[i].scores, test.returned)
      return [rocAuc, prAuc]
    })
    const spread = values.map(([auc]) => auc)
    rows.push({
      label,
      origin,
      values: [...meanOf(values), Math.min(...spread), Math.max(...spread)],
      seconds: total(runs),
    })
    context.say(`  ${label}: ${meanOf(values).map((value) => value.toFixed(3))}`)
  }
  add(
    'recency',
    'baseline',
    cuts.map(({ testFrame }) => plain(negative(testFrame))),
  )
  add(
    'RFM logistic',
    'baseline',
    cuts.map((cut) => logistic(cut, RFM_INPUTS)),
  )
  add(
    'logistic on all inputs',
    'baseline',
    cuts.map((cut) => logistic(cut, RETAIL_INPUTS)),
  )
  for (const candidate of REPEAT) add(candidate.label, 'limn', await repeatRuns(candidate, cuts))
  for (const candidate of available(RETURNING)) {
    const runs: Run[] = []
    for (const {
      trainingFrame: training,
      testFrame: test,
      training: { returned },
    } of cuts) {
      const given = { task: 'binary' as const, training, labels: Float32Array.from(returned), test }
      runs.push(await scoreWith(candidate, given, context.seed))
    }
    add(candidate.label, 'limn', runs)
  }
  const columns = ['ROC AUC', 'PR AUC', 'lowest ROC AUC', 'highest ROC AUC']
  return { title: 'Who returns', columns, rows, notes: [] }
}

async function spending(cuts: readonly Cut[], context: ProtocolContext): Promise<Section> {
  const rows: ResultRow[] = [
    known('zero, full set', [616]),
    known('spend of the last 90 days, full set', [464]),
    known('BG/NBD × mean order, full set', [461]),
    known('Poisson boosting, full set', [446]),
  ]
  const add = (label: string, origin: ResultRow['origin'], runs: readonly Run[]): void => {
    const values = cuts.map(({ test }, i) => {
      const { mae, rmse } = valueMetrics(runs[i].scores, test.spent)
      const ratio = sum(runs[i].scores) / sum(test.spent) - 1
      return [mae, rmse, rankCorrelation(runs[i].scores, test.spent), ratio]
    })
    rows.push({ label, origin, values: meanOf(values), seconds: total(runs) })
    context.say(`  ${label}: ${meanOf(values).map((value) => value.toFixed(3))}`)
  }
  add(
    'zero',
    'baseline',
    cuts.map(({ test }) => plain(new Float32Array(test.spent.length))),
  )
  add(
    'spend of the last 90 days',
    'baseline',
    cuts.map(({ testFrame }) => {
      return plain(columnOf(testFrame, 'spent in 90 days'))
    }),
  )
  let expected: Run[] = []
  for (const candidate of REPEAT) {
    expected = (await repeatRuns(candidate, cuts)).map(({ scores, seconds }, i) => {
      const order = columnOf(cuts[i].testFrame, 'mean order')
      return { scores: scores.map((count, row) => count * order[row]), seconds }
    })
    add(`${candidate.label} × mean order`, 'limn', expected)
  }
  for (const candidate of available(SPENDING)) {
    add(candidate.label, 'limn', await spendRuns(candidate, cuts, context.seed))
  }
  const corrected = await correctedRuns(SPENDING[2], cuts, context.seed)
  add('small boosted trees correcting Pareto/NBD × mean order', 'limn', corrected)
  for (const candidate of available(LOGARITHMIC)) {
    const runs = await logRuns(candidate, cuts, context.seed)
    add(candidate.label, 'limn', runs)
    add('mean of that and Pareto/NBD × mean order', 'limn', meanOfRuns(runs, expected))
  }
  const columns = ['MAE', 'RMSE', 'rank correlation', 'total error']
  const notes = [
    `Small trees: ${JSON.stringify(SMALL_TREES)}.`,
    'What is trained on labels has seen the spend of the months before the test cut; for the two winter cuts these were the autumn, and totals come out far too high. The repeat-purchase models learn no season and keep the total; on the logarithm trees learn the middle instead of the mean, which has the least absolute error and too low a total. The mean of both keeps most of the one and of the other.',
  ]
  return { title: 'What they spend', columns, rows, notes }
}

interface Run {
  readonly scores: Float32Array
  readonly seconds: number
}

function meanOfRuns(a: readonly Run[], b: readonly Run[]): Run[] {
  return a.map(({ scores, seconds }, i) => ({
    scores: scores.map((score, row) => (score + b[i].scores[row]) / 2),
    seconds: seconds + b[i].seconds,
  }))
}

function known(label: string, values: number[]): ResultRow {
  return { label, origin: 'baseline', values }
}

function plain(scores: Float32Array): Run {
  return { scores, seconds: 0 }
}

function total(runs: readonly Run[]): number {
  return runs.reduce((seconds, run) => seconds + run.seconds, 0)
}

function negative(frame: Frame): Float32Array {
  return columnOf(frame, 'days since last').map((days) => -days)
}

function logistic({ trainingFrame, testFrame, training }: Cut, names: readonly string[]): Run {
  const only = (frame: Frame): Frame => {
    return { ...frame, columns: frame.columns.filter(({ name }) => names.includes(name)) }
  }
  const labels = Float32Array.from(training.returned)
  const started = performance.now()
  const scores = logisticBaseline({
    task: 'binary',
    training: only(trainingFrame),
    labels,
    test: only(testFrame),
  })
  return { scores, seconds: (performance.now() - started) / 1000 }
}

/** These need no labels: they are fitted on the customers they predict. */
async function repeatRuns(candidate: Candidate, cuts: readonly Cut[]): Promise<Run[]> {
  return repeatRunsOf(
    candidate,
    cuts.map(({ testFrame }) => testFrame),
  )
}

async function repeatRunsOf(candidate: Candidate, frames: readonly Frame[]): Promise<Run[]> {
  const runs: Run[] = []
  for (const { count, columns } of frames) {
    const frame = { count, columns: columns.slice(0, 3) }
    const labels = new Float32Array(count)
    const given = { task: 'count' as const, training: frame, labels, test: frame }
    runs.push(await scoreWith(candidate, given, 1))
  }
  return runs
}

async function spendRuns(candidate: Candidate, cuts: readonly Cut[], seed: number): Promise<Run[]> {
  const runs: Run[] = []
  for (const {
    trainingFrame: training,
    testFrame: test,
    training: { spent },
  } of cuts) {
    const given = { task: 'count' as const, training, labels: spent, test }
    runs.push(await scoreWith(candidate, given, seed))
  }
  return runs
}

async function correctedRuns(
  candidate: Candidate,
  cuts: readonly Cut[],
  seed: number,
): Promise<Run[]> {
  const runs: Run[] = []
  for (const {
    trainingFrame: training,
    testFrame: test,
    training: { spent },
  } of cuts) {
    const base = { training: await expectedSpend(training), test: await expectedSpend(test) }
    const given = { task: 'count' as const, training, labels: spent, test }
    runs.push(await scoreCorrecting(candidate, { given, base, seed }))
  }
  return runs
}

/** By Pareto/NBD and the mean order so far; never quite nothing. */
async function expectedSpend(frame: Frame): Promise<Float32Array> {
  const [scored] = await repeatRunsOf(REPEAT[1], [frame])
  const order = columnOf(frame, 'mean order')
  return scored.scores.map((count, row) => Math.max(1, count * order[row]))
}

async function logRuns(candidate: Candidate, cuts: readonly Cut[], seed: number): Promise<Run[]> {
  const runs: Run[] = []
  for (const {
    trainingFrame: training,
    testFrame: test,
    training: { spent },
  } of cuts) {
    const labels = spent.map(Math.log1p)
    const given = { task: 'regression' as const, training, labels, test }
    const { scores, seconds } = await scoreWith(candidate, given, seed)
    runs.push({ scores: scores.map((score) => Math.max(0, Math.expm1(score))), seconds })
  }
  return runs
}

function columnOf(frame: Frame, name: string): Float32Array {
  const column = frame.columns.find((one) => one.name === name)
  return column !== undefined && 'numbers' in column ? column.numbers : new Float32Array(0)
}

function sum(values: Float32Array): number {
  return values.reduce((all, value) => all + value, 0)
}

/** Spearman's, ties at their mean rank. */
function rankCorrelation(a: Float32Array, b: Float32Array): number {
  return valueMetrics(ranks(a), ranks(b)).pearson
}

function ranks(values: Float32Array): Float64Array {
  const order = [...values.keys()].sort((i, j) => values[i] - values[j])
  const out = new Float64Array(values.length)
  for (let start = 0; start < order.length;) {
    let end = start + 1
    while (end < order.length && values[order[end]] === values[order[start]]) end++
    for (let i = start; i < end; i++) out[order[i]] = (start + end - 1) / 2
    start = end
  }
  return out
}
