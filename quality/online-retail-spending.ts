import { valueMetrics } from '../src/model/evaluation/metrics.ts'
import type { Frame } from './frame.ts'
import type { Goal } from './goals.ts'
import { scoreWith } from './models.ts'
import type { Candidate } from './models.ts'
import { columnOf, CutTable, HORIZON_DAYS, plain, reference, REPEAT } from './online-retail-cuts.ts'
import { repeatCounts } from './online-retail-cuts.ts'
import type { Cut, Run } from './online-retail-cuts.ts'
import type { RetailRows } from './online-retail-inputs.ts'
import type { Origin, ProtocolContext, Section } from './protocol.ts'
import { rankCorrelation } from './rank-correlation.ts'

interface Learned extends Candidate {
  /** Learns the logarithm of what is spent. */
  readonly logarithmic: boolean
}

const LEARNED: readonly Learned[] = [
  { label: 'boosted trees, Poisson', learner: 'boosted_trees', logarithmic: false },
  { label: 'random forest on the logarithm', learner: 'random_forest', logarithmic: true },
  { label: 'boosted trees on the logarithm', learner: 'boosted_trees', logarithmic: true },
]

/** How what is learned and what Pareto/NBD × mean order expects are taken together. */
const COMBINATIONS: readonly {
  readonly label: (of: string) => string
  readonly of: (learned: Float32Array, expected: Float32Array) => Float32Array
}[] = [
  { label: (of) => of, of: (learned) => learned },
  {
    label: (of) => `${of}, total of Pareto/NBD`,
    of: (learned, expected) => {
      const factor = sum(expected) / sum(learned)
      return learned.map((spent) => spent * factor)
    },
  },
  {
    label: (of) => `mean of ${of} and Pareto/NBD`,
    of: (learned, expected) => learned.map((spent, row) => (spent + expected[row]) / 2),
  },
]

const REFERENCES = [
  reference('zero', [616]),
  reference('spend of the last 90 days', [464]),
  reference('BG/NBD × mean order', [461]),
  reference('Poisson boosting', [446]),
]

const TITLE = 'What they spend'
const COLUMNS = ['MAE', 'RMSE', 'rank correlation', 'total error']
const CRITERIA = ['MAE', 'RMSE'] as const
const NOTE =
  'What is trained on labels has seen the spend of the months before the test cut; for the two winter cuts these were the autumn, and totals come out far too high. The data begin in December 2009, so that no cut but the last has a year before it to learn the season from. Repeat-purchase models learn no season and keep the total; on the logarithm trees learn the middle instead of the mean, which has the least absolute error and too low a total.'

export const SPENDING_GOALS: readonly Goal[] = [
  goal('spend of the last 90 days', 'spend of the last 90 days, same cuts'),
  goal('BG/NBD × mean order', 'BG/NBD × mean order, same cuts'),
  goal(446, 'Poisson boosting, full set, other cuts'),
]

/** One way to predict, at each of the cuts. */
interface Method {
  readonly label: string
  readonly origin: Origin
  /** Whether it has a row of its own: combinations are only there to be chosen. */
  readonly isShown: boolean
  readonly runs: readonly Run[]
}

/**
 * What do customers spend in the days after the cut? `earlier` holds for each test cut the one whose
 * labels are known just in time: methods are chosen there, fitted on cuts that are as much older.
 */
export async function spending(
  { cuts, earlier }: { cuts: readonly Cut[]; earlier: readonly Cut[] },
  context: ProtocolContext,
): Promise<Section> {
  const table = new CutTable({ cuts, context, references: REFERENCES }, judge)
  const nothing = cuts.map(({ test }) => plain(new Float32Array(test.spent.length)))
  table.add('zero', 'baseline', nothing)
  const methods = await methodsAt(cuts, context.seed)
  const before = await methodsAt(earlier, context.seed)
  for (const { label, origin, runs, isShown } of methods) {
    if (isShown) table.add(label, origin, runs)
  }
  const notes = [NOTE, chosenNote(methods.length)]
  for (const [column, name] of CRITERIA.entries()) {
    const choices = earlier.map(({ test }, i) => {
      const errors = before.map(({ runs }) => judge(runs[i].scores, test)[column])
      return methods[errors.indexOf(Math.min(...errors))]
    })
    const runs = choices.map((choice, i) => choice.runs[i])
    table.add(chosenBy(name), 'limn', runs)
    notes.push(`By ${name}, in order of the cuts: ${choices.map(({ label }) => label).join('; ')}.`)
  }
  return { title: TITLE, columns: COLUMNS, rows: table.rows, notes }
}

function chosenBy(criterion: string): string {
  return `chosen by ${criterion} ${HORIZON_DAYS} days earlier`
}

function goal(figure: number | string, from: string): Goal {
  return { section: TITLE, row: chosenBy('MAE'), column: 'MAE', goal: figure, from }
}

function judge(scores: Float32Array, { spent }: RetailRows): number[] {
  const { mae, rmse } = valueMetrics(scores, spent)
  return [mae, rmse, rankCorrelation(scores, spent), sum(scores) / sum(spent) - 1]
}

function chosenNote(count: number): string {
  return `Chosen ${HORIZON_DAYS} days earlier: of ${count} methods (the rows above but zero; each learned one also brought to the total of Pareto/NBD × mean order, and in the mean with it) the one with the least error at the cut ${HORIZON_DAYS} days before the test cut, for which it was fitted on cuts that are again so much older. Which methods there are to choose from was settled when results at these cuts were known.`
}

async function methodsAt(cuts: readonly Cut[], seed: number): Promise<Method[]> {
  const each = async (run: (cut: Cut) => Promise<Run>): Promise<Run[]> => {
    const runs: Run[] = []
    for (const cut of cuts) runs.push(await run(cut))
    return runs
  }
  const lately = cuts.map(({ testFrame }) => plain(columnOf(testFrame, 'spent in 90 days')))
  const methods: Method[] = [
    { label: 'spend of the last 90 days', origin: 'baseline', isShown: true, runs: lately },
  ]
  for (const candidate of REPEAT) {
    const runs = await each(({ testFrame }) => expectedSpend(candidate, testFrame))
    const label = `${candidate.label} × mean order`
    methods.push({ label, origin: 'limn', isShown: true, runs })
  }
  const { runs: expected } = methods[methods.length - 1]
  for (const learned of LEARNED) {
    const own = await each((cut) => learnedRun(learned, cut, seed))
    for (const [i, { label, of }] of COMBINATIONS.entries()) {
      const runs = own.map(({ scores, seconds }, cut) => {
        return { scores: of(scores, expected[cut].scores), seconds }
      })
      methods.push({ label: label(learned.label), origin: 'limn', isShown: i === 0, runs })
    }
  }
  return methods
}

/** Orders expected by a repeat-purchase model, at the customer's mean order so far. */
async function expectedSpend(candidate: Candidate, frame: Frame): Promise<Run> {
  const { scores, seconds } = await repeatCounts(candidate, frame)
  const order = columnOf(frame, 'mean order')
  return { scores: scores.map((count, row) => count * order[row]), seconds }
}

async function learnedRun(learned: Learned, cut: Cut, seed: number): Promise<Run> {
  const { trainingFrame: training, testFrame: test } = cut
  const { spent } = cut.training
  if (!learned.logarithmic) {
    return scoreWith(learned, { task: 'count', training, labels: spent, test }, seed)
  }
  const labels = spent.map(Math.log1p)
  const { scores, seconds } = await scoreWith(
    learned,
    { task: 'regression', training, labels, test },
    seed,
  )
  return { scores: scores.map((score) => Math.max(0, Math.expm1(score))), seconds }
}

function sum(values: Float32Array): number {
  return values.reduce((all, value) => all + value, 0)
}
