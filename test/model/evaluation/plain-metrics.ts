/** Metrics by their plain definitions, row by row and pair by pair. */

export function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0)
}

export function mean(values: ArrayLike<number>): number {
  return sum(values) / values.length
}

/** Share of pairs of a positive and a negative in which the positive has the higher score. */
export function plainRocAuc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  let wins = 0
  let pairs = 0
  for (let i = 0; i < scores.length; i++) {
    for (let j = 0; j < scores.length; j++) {
      if (labels[i] !== 1 || labels[j] !== 0) continue
      pairs++
      wins += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0
    }
  }
  return wins / pairs
}

/** Sum over thresholds, from the highest, of precision × growth of recall. */
export function plainPrAuc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const thresholds = [...new Set(Array.from(scores))].sort((a, b) => b - a)
  let area = 0
  let recallBefore = 0
  for (const threshold of thresholds) {
    const { precision, recall } = plainDecision(scores, labels, threshold)
    area += precision * (recall - recallBefore)
    recallBefore = recall
  }
  return area
}

export function plainDecision(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  threshold: number,
) {
  const rows = Array.from(scores, (score, i) => ({ yes: score >= threshold, is: labels[i] === 1 }))
  const count = (yes: boolean, is: boolean) =>
    rows.filter((r) => r.yes === yes && r.is === is).length
  const [tp, fp, fn, tn] = [
    count(true, true),
    count(true, false),
    count(false, true),
    count(false, false),
  ]
  const precision = tp + fp === 0 ? 0 : tp / (tp + fp)
  const recall = tp + fn === 0 ? 0 : tp / (tp + fn)
  const f1 = precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall)
  return { accuracy: (tp + tn) / rows.length, precision, recall, f1, tp, fp, fn, tn }
}

export function plainLogLoss(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const losses = Array.from(scores, (score, i) => {
    const p = Math.min(1 - 1e-7, Math.max(1e-7, score))
    return labels[i] === 1 ? -Math.log(p) : -Math.log(1 - p)
  })
  return mean(losses)
}

export function plainEce(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  let gap = 0
  for (let bin = 0; bin < 10; bin++) {
    const inside = Array.from(scores, (_, i) => i).filter((i) => {
      return Math.min(9, Math.floor(scores[i] * 10)) === bin
    })
    if (inside.length === 0) continue
    const score = mean(inside.map((i) => scores[i]))
    const rate = mean(inside.map((i) => labels[i]))
    gap += (inside.length / scores.length) * Math.abs(score - rate)
  }
  return gap
}

export function plainPearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [meanA, meanB] = [mean(a), mean(b)]
  const product = sum(Array.from(a, (x, i) => (x - meanA) * (b[i] - meanB)))
  const spread = (values: ArrayLike<number>, middle: number) =>
    Math.sqrt(sum(Array.from(values, (x) => (x - middle) ** 2)))
  return product / (spread(a, meanA) * spread(b, meanB))
}

/** 1 + rows below + half of the other rows that are equal. */
export function plainRanks(values: ArrayLike<number>): number[] {
  const all = Array.from(values)
  return all.map((x) => {
    const below = all.filter((y) => y < x).length
    const equal = all.filter((y) => y === x).length
    return below + (equal + 1) / 2
  })
}

export function repeatRows(values: ArrayLike<number>, times: ArrayLike<number>): Float32Array {
  return Float32Array.from(Array.from(values, (x, i) => Array<number>(times[i]).fill(x)).flat())
}
