import { expect } from 'vitest'
import { linear, logistic, network } from '../../../src/model/learners/dense/dense.ts'
import { rankingMetrics } from '../../../src/model/evaluation/metrics.ts'
import { learnerContract } from '../../contract/learner-suite.ts'
import type { LearnerCase } from '../../contract/learner-suite.ts'
import { makeExamples, takeRows } from './made-examples.ts'
import type { MadeExamples } from './made-examples.ts'

function caseOf(
  task: 'binary' | 'multiclass' | 'regression' | 'count',
  learned: LearnerCase['learned'],
): LearnerCase {
  const all = makeExamples(task, { count: 6_000, seed: 5 })
  const [training, test] = [takeRows(all, 0, 4_000), takeRows(all, 4_000, 6_000)]
  return { name: task, training, test, learned, random: true }
}

function aucWithin(gap: number): LearnerCase['learned'] {
  return (predictions, { labels, truth }) => {
    const classes = Uint8Array.from(labels)
    const best = rankingMetrics(truth, classes).rocAuc
    expect(rankingMetrics(predictions, classes).rocAuc).toBeGreaterThan(best - gap)
  }
}

function accuracyAbove(least: number): LearnerCase['learned'] {
  return (predictions, { labels, classes }) => {
    let right = 0
    labels.forEach((label, row) => {
      const of = predictions.subarray(row * classes, (row + 1) * classes)
      if (of.indexOf(Math.max(...of)) === label) right++
    })
    expect(right / labels.length).toBeGreaterThan(least)
  }
}

/** Share of the truth's variance that is explained. */
function explains(least: number): LearnerCase['learned'] {
  return (predictions, { truth }: MadeExamples) => {
    const mean = truth.reduce((sum, value) => sum + value, 0) / truth.length
    let rest = 0
    let whole = 0
    truth.forEach((value, row) => {
      rest += (value - predictions[row]) ** 2
      whole += (value - mean) ** 2
    })
    expect(1 - rest / whole).toBeGreaterThan(least)
  }
}

learnerContract(logistic, [
  caseOf('binary', aucWithin(0.02)),
  caseOf('multiclass', accuracyAbove(0.72)),
])
learnerContract(linear, [caseOf('regression', explains(0.85)), caseOf('count', explains(0.6))])
learnerContract(network, [
  caseOf('binary', aucWithin(0.015)),
  caseOf('multiclass', accuracyAbove(0.8)),
  caseOf('regression', explains(0.97)),
  caseOf('count', explains(0.85)),
])
