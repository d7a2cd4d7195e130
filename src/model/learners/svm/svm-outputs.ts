import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Predictor } from '../learner.ts'
import type { Pace } from '../pace.ts'
import { fitSigmoid, probability } from './platt.ts'
import { readRow } from '../row-values.ts'
import { PARAMETERS, size } from '../saved-model.ts'
import type { SvmRows } from './svm-data.ts'

/** Rows that are looked at even when fitting was stopped. */
const CALIBRATED_MIN = 200

/** What both kinds of support vector machines keep. */
export const SVM_FACTS = {
  task: Type.Union([
    Type.Literal('binary'),
    Type.Literal('multiclass'),
    Type.Literal('regression'),
  ]),
  width: size(1),
  machines: size(1),
  rows: size(1),
  supportVectors: Type.Array(size()),
  centre: Type.Number(),
  scale: Type.Number(),
  /** One a machine; none for values. */
  sigmoids: Type.Array(Type.Object({ slope: Type.Number(), offset: Type.Number() })),
  converged: Type.Boolean(),
  parameters: PARAMETERS,
}
const SHAPE = Type.Object(SVM_FACTS)
type SvmFacts = Static<typeof SHAPE>

/** Writes the decision of each machine on a row. */
export type Decide = (row: Float64Array, decisions: Float64Array) => void

export function svmTask({ fitted: { task } }: SvmRows): SvmFacts['task'] {
  return task === 'binary' || task === 'multiclass' ? task : 'regression'
}

/** One sigmoid a machine, from the rows held back; stopped, from some of them. */
export async function calibrate(
  { held }: SvmRows,
  { machines, decide, pace }: { machines: number; decide: Decide; pace: Pace },
): Promise<SvmFacts['sigmoids']> {
  const { width, count, rows, labels, weights, classes } = held
  if (classes === 0) return []
  const row = new Float64Array(width)
  const decisions = new Float64Array(machines)
  const all = Array.from({ length: machines }, () => new Float64Array(count))
  let seen = 0
  while (seen < count && ((await pace.reached(0)) || seen < CALIBRATED_MIN)) {
    readRow(rows, seen * width, row)
    decide(row, decisions)
    for (let machine = 0; machine < machines; machine++) all[machine][seen] = decisions[machine]
    seen++
  }
  const rowWeights = Float64Array.from({ length: seen }, (_, i) => weights?.[i] ?? 1)
  return all.map((own, machine) => {
    const positive = Array.from(labels, (label) => label === (machines > 1 ? machine : 1))
    return fitSigmoid(own.subarray(0, seen), positive, rowWeights)
  })
}

/** Probabilities (of several classes: of each against the others, made to sum to 1), or values. */
export function svmOutputs(facts: SvmFacts, decide: Decide): Predictor['predict'] {
  const { width, machines, centre, scale, sigmoids } = facts
  const row = new Float64Array(width)
  const decisions = new Float64Array(machines)
  return (rows, count, out) => {
    for (let i = 0; i < count; i++) {
      readRow(rows, i * width, row)
      decide(row, decisions)
      if (facts.task === 'regression') {
        out[i] = centre + scale * decisions[0]
        continue
      }
      let sum = 0
      for (let machine = 0; machine < machines; machine++) {
        decisions[machine] = probability(sigmoids[machine], decisions[machine])
        sum += decisions[machine]
      }
      for (let machine = 0; machine < machines; machine++) {
        const even = 1 / machines
        const share = machines === 1 ? decisions[0] : sum > 0 ? decisions[machine] / sum : even
        out[i * machines + machine] = share
      }
    }
  }
}

/** Whether the facts hold together, beyond their shape. */
export function sigmoidsFit({ task, machines, sigmoids }: SvmFacts): boolean {
  return sigmoids.length === (task === 'regression' ? 0 : machines)
}
