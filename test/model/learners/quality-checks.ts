import { expect } from 'vitest'
import { rankingMetrics } from '../../../src/model/evaluation/metrics.ts'
import type { LearnerCase } from '../../contract/learner-suite.ts'

type Learned = LearnerCase['learned']

/** AUC at most so much below that of the true probabilities. */
export function aucWithin(gap: number): Learned {
  return (predictions, { labels, truth }) => {
    const classes = Uint8Array.from(labels)
    const best = rankingMetrics(truth, classes).rocAuc
    expect(rankingMetrics(predictions, classes).rocAuc).toBeGreaterThan(best - gap)
  }
}

/** Mean probability of the rows between two limits is their share of class 1, give or take. */
export function calibratedWithin(most: number): Learned {
  return (predictions, { labels }) => {
    for (const [from, to] of [
      [0, 0.3],
      [0.3, 0.7],
      [0.7, 1],
    ] as const) {
      const rows = [...predictions.keys()].filter(
        (i) => predictions[i] > from && predictions[i] <= to,
      )
      const mean = rows.reduce((sum, i) => sum + predictions[i], 0) / rows.length
      const share = rows.reduce((sum, i) => sum + labels[i], 0) / rows.length
      expect(Math.abs(mean - share)).toBeLessThan(most)
    }
  }
}

export function accuracyAbove(least: number): Learned {
  return (predictions, { labels, classes }) => {
    let right = 0
    labels.forEach((label, row) => {
      const of = predictions.subarray(row * classes, (row + 1) * classes)
      if (of.indexOf(Math.max(...of)) === label) right++
    })
    expect(right / labels.length).toBeGreaterThan(least)
  }
}

/** Share of the truth's variance. */
export function explains(least: number): Learned {
  return (predictions, { truth }) => {
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

/** Adjusted Rand index of the nearest clusters and the planted groups (Hubert, Arabie 1985). */
export function findsGroups(least: number): Learned {
  return (distances, { truth }, { outputs }) => {
    const nearest = Array.from(truth, (_, row) => {
      const own = distances.subarray(row * outputs, (row + 1) * outputs)
      return own.indexOf(Math.min(...own))
    })
    expect(adjustedRand(nearest, Array.from(truth))).toBeGreaterThan(least)
  }
}

export function adjustedRand(a: readonly number[], b: readonly number[]): number {
  const both = pairsWithin(a.map((value, i) => `${value} ${b[i]}`))
  const [inA, inB] = [pairsWithin(a.map(String)), pairsWithin(b.map(String))]
  const expected = (inA * inB) / ((a.length * (a.length - 1)) / 2)
  return (both - expected) / ((inA + inB) / 2 - expected)
}

function pairsWithin(groups: readonly string[]): number {
  const sizes = new Map<string, number>()
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  return [...sizes.values()].reduce((sum, size) => sum + (size * (size - 1)) / 2, 0)
}

/** Rows whose nearest neighbour in the projection is of their group. */
export function keepsGroupsTogether(least: number): Learned {
  return (places, { truth }, { outputs }) => {
    const distance = (a: number, b: number) => {
      let sum = 0
      for (let i = 0; i < outputs; i++)
        sum += (places[a * outputs + i] - places[b * outputs + i]) ** 2
      return sum
    }
    const rows = [...truth.keys()]
    const together = rows.filter((row) => {
      const others = rows.filter((other) => other !== row)
      const nearest = others.reduce((best, other) =>
        distance(row, other) < distance(row, best) ? other : best,
      )
      return truth[nearest] === truth[row]
    })
    expect(together.length / rows.length).toBeGreaterThan(least)
  }
}
