import { decisionTree } from '../../../src/model/learners/trees/tree.ts'
import { learnerContract } from '../../contract/learner-suite.ts'
import { accurate, madeCase, near, nearBestRanking, onTheRightInputs } from './tree-checks.ts'

learnerContract(decisionTree, [
  madeCase('binary', {
    training: 6_000,
    random: false,
    learned: onTheRightInputs(0.9, nearBestRanking(0.04, 0.08)),
  }),
  madeCase('multiclass', { training: 6_000, random: false, learned: accurate(0.75) }),
  madeCase('regression', { training: 6_000, random: false, learned: near(0.9) }),
  madeCase('count', { training: 6_000, random: false, learned: near(0.7) }),
])
