import { rankingMetrics } from '../src/model/metrics.ts'
import type { Frame } from './frame.ts'
import { logisticBaseline } from './logistic.ts'
import { available, scoreWith } from './models.ts'
import type { Candidate } from './models.ts'
import {
  columnOf,
  CutTable,
  plain,
  reference,
  REPEAT,
  repeatCounts,
  SMALL_TREES,
} from './online-retail-cuts.ts'
import type { Cut, Run } from './online-retail-cuts.ts'
import { RETAIL_INPUTS, RFM_INPUTS } from './online-retail-inputs.ts'
import type { ProtocolContext, Section } from './protocol.ts'

const CANDIDATES: readonly Candidate[] = [
  { label: 'logistic regression', learner: 'logistic' },
  { label: 'neural network', learner: 'network' },
  { label: 'AdaBoost', learner: 'adaboost' },
  { label: 'random forest', learner: 'random_forest' },
  { label: 'boosted trees', learner: 'boosted_trees' },
  { label: 'small boosted trees', learner: 'boosted_trees', parameters: SMALL_TREES },
]

const REFERENCES = [
  reference('recency', [0.708, 0.68]),
  reference('RFM logistic', [0.755, 0.76]),
  reference('18-input logistic', [0.776, 0.793]),
  reference('XGBoost', [0.773, 0.793]),
  reference('BG/NBD', [0.765, 0.782]),
]

/** Which customers have an order in the days after the cut? */
export async function returning(cuts: readonly Cut[], context: ProtocolContext): Promise<Section> {
  const table = new CutTable({ cuts, context, references: REFERENCES }, (scores, test) => {
    const { rocAuc, prAuc } = rankingMetrics(scores, test.returned)
    return [rocAuc, prAuc]
  })
  const recency = cuts.map(({ testFrame }) => {
    return plain(columnOf(testFrame, 'days since last').map((days) => -days))
  })
  table.add('recency', 'baseline', recency)
  const logistic = (names: readonly string[]): Run[] => cuts.map((cut) => logisticRun(cut, names))
  table.add('RFM logistic', 'baseline', logistic(RFM_INPUTS))
  table.add('logistic on all inputs', 'baseline', logistic(RETAIL_INPUTS))
  for (const candidate of REPEAT) {
    const runs: Run[] = []
    for (const { testFrame } of cuts) runs.push(await repeatCounts(candidate, testFrame))
    table.add(candidate.label, 'limn', runs)
  }
  for (const candidate of available(CANDIDATES)) {
    const runs: Run[] = []
    for (const cut of cuts) runs.push(await learnedRun(candidate, cut, context.seed))
    table.add(candidate.label, 'limn', runs)
  }
  const notes = [
    `Small trees: ${JSON.stringify(SMALL_TREES)}, chosen on these cuts; the default settings were not.`,
  ]
  return { title: 'Who returns', columns: ['ROC AUC', 'PR AUC'], rows: table.rows, notes }
}

function learnedRun(candidate: Candidate, cut: Cut, seed: number): Promise<Run> {
  const { trainingFrame: training, testFrame: test } = cut
  const labels = Float32Array.from(cut.training.returned)
  return scoreWith(candidate, { task: 'binary', training, labels, test }, seed)
}

function logisticRun(cut: Cut, names: readonly string[]): Run {
  const only = (frame: Frame): Frame => {
    return { ...frame, columns: frame.columns.filter(({ name }) => names.includes(name)) }
  }
  const started = performance.now()
  const scores = logisticBaseline({
    task: 'binary',
    training: only(cut.trainingFrame),
    labels: Float32Array.from(cut.training.returned),
    test: only(cut.testFrame),
  })
  return { scores, seconds: (performance.now() - started) / 1000 }
}
