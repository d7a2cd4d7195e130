import { boostedTrees } from '../../../src/model/learners/trees/boosted-trees.ts'
import { learnerContract } from '../../contract/learner-suite.ts'
import { accurate, madeCase, near, nearBestRanking, onTheRightInputs } from './tree-checks.ts'

learnerContract(boostedTrees, [
  madeCase('binary', {
    training: 6_000,
    random: true,
    learned: onTheRightInputs(0.8, nearBestRanking(0.015, 0.02)),
  }),
  madeCase('binary', {
    training: 6_000,
    missing: 0.3,
    random: true,
    learned: nearBestRanking(0.08, 0.15),
  }),
  madeCase('multiclass', { training: 6_000, random: true, learned: accurate(0.8) }),
  madeCase('regression', { training: 6_000, random: true, learned: near(0.98) }),
  madeCase('count', { training: 6_000, random: true, learned: near(0.9) }),
])
