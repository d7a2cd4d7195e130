import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { Predictor } from '../predictor.ts'
import { probability } from './sigmoid.ts'
import { readRow } from '../row-values.ts'
import { PARAMETERS, size } from '../saved-model.ts'

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
export type SvmFacts = Static<typeof SHAPE>

/** Writes the decision of each machine on a row. */
export type Decide = (row: Float64Array, decisions: Float64Array) => void

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
