import { expect } from 'vitest'
import { logLoss, rankingMetrics, valueMetrics } from '../../../src/model/evaluation/metrics.ts'
import type { Task } from '../../../src/model/learners/predictor.ts'
import type { LearnerCase } from '../../contract/learner-suite.ts'
import { makeExamples, takeRows, type MadeExamples } from './made-examples.ts'

type Learned = LearnerCase['learned']

/** Rows to fit on and to look at, made by the same function of chance. */
export function madeCase(
  task: Task,
  options: { training: number; missing?: number; random: boolean; learned: Learned },
): LearnerCase {
  const { training, missing = 0, random, learned } = options
  const made = makeExamples(task, { count: training + 4_000, seed: 5, missing })
  const name = missing > 0 ? `${task}, values missing` : task
  return {
    name,
    training: takeRows(made, 0, training),
    test: takeRows(made, training, made.count),
    learned,
    random,
  }
}

/** ROC AUC within `behind` of what the true probabilities reach, and log loss within `behindLoss`. */
export function nearBestRanking(behind: number, behindLoss: number): Learned {
  return (predictions, { truth, labels }) => {
    const classes = Uint8Array.from(labels)
    const best = rankingMetrics(truth, classes).rocAuc
    expect(rankingMetrics(predictions, classes).rocAuc).toBeGreaterThan(best - behind)
    expect(logLoss(predictions, classes)).toBeLessThan(logLoss(truth, classes) + behindLoss)
  }
}

/** The likeliest class is the drawn one at least so often. */
export function accurate(share: number): Learned {
  return (predictions, { labels, classes }) => {
    let right = 0
    labels.forEach((label, row) => {
      const chances = predictions.subarray(row * classes, (row + 1) * classes)
      if (chances.indexOf(Math.max(...chances)) === label) right++
    })
    expect(right / labels.length).toBeGreaterThan(share)
  }
}

/** R² against the truth without noise. */
export function near(r2: number): Learned {
  return (predictions, { truth }) => {
    expect(valueMetrics(predictions, truth).r2).toBeGreaterThan(r2)
  }
}

/** So much of the importance lies on the three inputs that matter. */
export function onTheRightInputs(share: number, learned: Learned): Learned {
  return (predictions, test: MadeExamples, predictor) => {
    learned(predictions, test, predictor)
    const importance = predictor.importance() ?? new Float32Array(test.width)
    expect(importance[0] + importance[1] + importance[2]).toBeGreaterThan(share)
  }
}
