import { bgNbd } from '../src/model/learners/repeat-purchase/repeat-purchase.ts'
import { paretoNbd } from '../src/model/learners/repeat-purchase/repeat-purchase.ts'
import { CALIBRATION_END, cohortAt, HORIZON_WEEKS, readCustomers } from './cdnow-cohort.ts'
import type { Cohort } from './cdnow-cohort.ts'
import { correctedNote, correctedWithin } from './cdnow-corrected.ts'
import type { Corrected } from './cdnow-corrected.ts'
import { fitRepeat } from './cdnow-repeat.ts'
import type { FittedModel } from './cdnow-repeat.ts'
import { judgeCounts, judgeOrder } from './customer-counts.ts'
import { takeRows } from './frame.ts'
import type { Frame, Supervised } from './frame.ts'
import { available, scoreWith } from './models.ts'
import type { Candidate, Scored } from './models.ts'
import { COUNT_COLUMNS } from './protocol.ts'
import type { Protocol, ProtocolContext, ResultRow, Section } from './protocol.ts'
import { NESTED, scoreSearched } from './searched.ts'
import { stratifiedFolds } from './split.ts'

const FOLDS = 5

const CANDIDATES: readonly Candidate[] = [
  { label: 'random forest', learner: 'random_forest' },
  { label: 'boosted trees', learner: 'boosted_trees' },
]

const ALONE = 'Weeks 40 to 78, learned from weeks 1 to 39 alone'

/** How often will each customer of one cohort buy again? CDNOW, 1/10 sample. */
export const cdnow: Protocol = {
  name: 'cdnow',
  title: 'Repeat purchases: CDNOW',
  folder: 'cdnow',
  description:
    'Customers whose first purchase was in the first quarter of 1997; weeks 1 to 39 are known, purchases (days with one) in weeks 40 to 78 are predicted for each. Predicting zero has a small absolute error, so that no column says enough alone.',
  goals: [
    ['MAE', 0.755] as const,
    ['RMSE', 1.603] as const,
    ['Pearson', 0.63] as const,
    ['AUC of any', 0.779] as const,
  ].map(([column, goal]) => {
    const from = 'Pareto/NBD, direct implementation'
    return { section: ALONE, row: 'Pareto/NBD', column, goal, from }
  }),
  async run(context) {
    const customers = await readCustomers(context.folder)
    const { frame, actual } = cohortAt(customers, CALIBRATION_END, HORIZON_WEEKS)
    context.say(`${actual.length} customers`)
    const bg = await fitRepeat('BG/NBD', bgNbd, { frame, horizon: HORIZON_WEEKS })
    const pareto = await fitRepeat('Pareto/NBD', paretoNbd, { frame, horizon: HORIZON_WEEKS })
    const corrected = await correctedWithin({ customers, frame, pareto }, context.seed)
    return [
      parameterSection([bg, pareto]),
      withoutLabels([bg, pareto], { frame, actual, corrected }),
      await withLabels({ frame, actual }, context),
    ]
  },
}

function parameterSection(models: readonly FittedModel[]): Section {
  const published: Record<string, readonly (number | null)[]> = {
    'BG/NBD': [0.2426, 4.4137, 0.793, 2.4262, -9582.429],
    'Pareto/NBD': [null, null, null, null, -9594.976],
  }
  return {
    title: 'Parameters by maximum likelihood',
    columns: ['r', 'alpha', 'a or s', 'b or beta', 'log-likelihood'],
    rows: models.flatMap(({ label, predictor, seconds }) => [
      { label: `${label}, BTYD`, origin: 'published', values: published[label] },
      {
        label,
        origin: 'limn',
        values: [...Object.values(predictor.fitted), predictor.logLikelihood],
        seconds,
      },
    ]),
    notes: [],
    decimals: [4, 4, 4, 4, 3],
  }
}

function withoutLabels(
  models: readonly FittedModel[],
  { frame, actual, corrected }: Cohort & { corrected: Corrected },
): Section {
  const waited = columnOf(frame, 'weeks since last')
  return {
    title: ALONE,
    columns: COUNT_COLUMNS,
    rows: [
      {
        label: 'BG/NBD, direct implementation',
        origin: 'baseline',
        values: [0.785, 1.608, 0.626, 0.757, -0.121],
      },
      {
        label: 'Pareto/NBD, direct implementation',
        origin: 'baseline',
        values: [0.755, 1.603, 0.63, 0.779, -0.115],
      },
      {
        label: 'zero',
        origin: 'baseline',
        values: judgeCounts(new Float32Array(actual.length), actual),
      },
      {
        label: 'recency alone',
        origin: 'baseline',
        values: judgeOrder(
          waited.map((weeks) => -weeks),
          actual,
        ),
      },
      ...models.map(({ label, counts, seconds }): ResultRow => {
        return { label, origin: 'limn', values: judgeCounts(counts, actual), seconds }
      }),
      {
        label: 'Pareto/NBD, corrected if that helped in weeks 27 to 39',
        origin: 'limn',
        values: judgeCounts(corrected.scores, actual),
        seconds: corrected.seconds,
      },
    ],
    notes: [correctedNote(corrected)],
  }
}

async function withLabels({ frame, actual }: Cohort, context: ProtocolContext): Promise<Section> {
  const rows: ResultRow[] = []
  const add = (label: string, { scores, seconds }: Scored): void => {
    rows.push({ label, origin: 'limn', values: judgeCounts(scores, actual), seconds })
  }
  const { seed } = context
  for (const candidate of available(CANDIDATES)) {
    const score = (given: Supervised): Promise<Scored> => scoreWith(candidate, given, seed)
    add(candidate.label, await crossValidate({ frame, actual }, score))
  }
  const search = (given: Supervised): Promise<Scored> => scoreSearched(given, { ...NESTED, seed })
  add('limn train', await crossValidate({ frame, actual }, search))
  return {
    title: 'Weeks 40 to 78, learned from other customers, 5-fold',
    columns: COUNT_COLUMNS,
    rows,
    notes: [
      'These have seen what four fifths of the customers bought in the same weeks, as a shop has that predicts a later cohort from an earlier one.',
      `limn train: learners and ${NESTED.trials} drawn settings are compared by Poisson deviance in ${NESTED.folds} folds of those four fifths.`,
    ],
  }
}

async function crossValidate(
  { frame, actual }: Cohort,
  score: (given: Supervised) => Promise<Scored>,
): Promise<Scored> {
  const classes = actual.map((count) => Math.min(count, 3))
  const scores = new Float32Array(actual.length)
  let seconds = 0
  for (const fold of stratifiedFolds(classes, FOLDS, 1)) {
    const scored = await score({
      task: 'count',
      training: takeRows(frame, fold.training),
      labels: Float32Array.from(fold.training, (row) => actual[row]),
      test: takeRows(frame, fold.test),
    })
    seconds += scored.seconds
    fold.test.forEach((row, i) => (scores[row] = scored.scores[i]))
  }
  return { scores, seconds }
}

function columnOf(frame: Frame, name: string): Float32Array {
  const column = frame.columns.find((one) => one.name === name)
  return column !== undefined && 'numbers' in column ? column.numbers : new Float32Array(0)
}
