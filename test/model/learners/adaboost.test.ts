import { adaboost } from '../../../src/model/learners/trees/adaboost.ts'
import { learnerContract } from '../../contract/learner-suite.ts'
import { accurate, madeCase, nearBestRanking, onTheRightInputs } from './tree-checks.ts'

learnerContract(adaboost, [
  madeCase('binary', {
    training: 6_000,
    random: true,
    learned: onTheRightInputs(0.9, nearBestRanking(0.015, 0.03)),
  }),
  madeCase('multiclass', { training: 6_000, random: true, learned: accurate(0.8) }),
])
