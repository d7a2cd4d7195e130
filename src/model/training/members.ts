import type { EvaluatedTask } from '../evaluation/outcome.ts'
import type { DataTable } from '../table/read-table.ts'
import { meanLoss } from './loss.ts'
import type { Candidate } from './search.ts'

const MEMBERS_MAX = 3
const MEMBER_GAIN_MIN = 0.001

/**
 * The best candidate, and with it the best of other learners as long as the mean of all is better by
 * more than a thousandth: models that err in other places correct each other.
 */
export function chooseMembers(
  tried: readonly Candidate[],
  { rounds, task, table }: { rounds: number; task: EvaluatedTask; table: DataTable },
): readonly Candidate[] {
  const labels = Float32Array.from(tried[0].held, (row) => table.labels[row])
  const lossOf = (members: readonly Candidate[]): number => {
    const mean = meanOf(members.map(({ predictions }) => predictions))
    return meanLoss(task, mean, labels, members[0].outputs)
  }
  let chosen: Candidate[] = []
  let least = Number.POSITIVE_INFINITY
  for (const candidate of tried) {
    if (chosen.length === MEMBERS_MAX || candidate.rounds < rounds) break
    if (chosen.some(({ learner }) => learner.name === candidate.learner.name)) continue
    const loss = lossOf([...chosen, candidate])
    if (loss > least * (1 - MEMBER_GAIN_MIN)) continue
    chosen = [...chosen, candidate]
    least = loss
  }
  return chosen
}

/** Place by place the mean of equally long answers. */
export function meanOf(answers: readonly Float32Array[]): Float32Array {
  if (answers.length === 1) return answers[0]
  const mean = new Float32Array(answers[0].length)
  for (let i = 0; i < mean.length; i++) {
    let sum = 0
    for (const answer of answers) sum += answer[i]
    mean[i] = sum / answers.length
  }
  return mean
}
