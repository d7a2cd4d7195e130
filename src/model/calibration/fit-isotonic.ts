import { rankScores } from '../evaluation/ranking.ts'
import type { CalibrationRows } from './scores.ts'
import type { IsotonicCurve } from './isotonic.ts'

/**
 * Isotonic regression by pooling adjacent violators (Ayer et al. 1955; for calibration Zadrozny and
 * Elkan, KDD 2002). Each block's mean is drawn towards the middle as if it held one more row, half of
 * it positive, so that no score is called certain by a few rows.
 */
export function fitIsotonic(rows: CalibrationRows): IsotonicCurve {
  const blocks = pool(groupsOf(rows))
  const scores: number[] = []
  const probabilities: number[] = []
  let least = 0
  for (const { from, to, weight, positives } of blocks) {
    least = Math.max(least, (positives + 0.5) / (weight + 1))
    scores.push(from)
    probabilities.push(least)
    if (to === from) continue
    scores.push(to)
    probabilities.push(least)
  }
  return { kind: 'isotonic', scores, probabilities }
}

interface Block {
  readonly from: number
  to: number
  weight: number
  positives: number
}

/** Equal scores together, in rising order. */
function groupsOf({ scores, labels, weights }: CalibrationRows): Block[] {
  const { order, ends } = rankScores(scores)
  const groups: Block[] = []
  let at = 0
  for (const end of ends) {
    const score = scores[order[at]]
    const group = { from: score, to: score, weight: 0, positives: 0 }
    for (; at < end; at++) {
      const weight = weights === null ? 1 : weights[order[at]]
      group.weight += weight
      group.positives += weight * labels[order[at]]
    }
    groups.push(group)
  }
  return groups.reverse()
}

function pool(groups: readonly Block[]): Block[] {
  const blocks: Block[] = []
  for (const group of groups) {
    let block = { ...group }
    for (
      let last = blocks.at(-1);
      last !== undefined && violates(last, block);
      last = blocks.at(-1)
    ) {
      blocks.pop()
      block = {
        from: last.from,
        to: block.to,
        weight: last.weight + block.weight,
        positives: last.positives + block.positives,
      }
    }
    blocks.push(block)
  }
  return blocks
}

function violates(before: Block, after: Block): boolean {
  return before.positives * after.weight >= after.positives * before.weight
}
