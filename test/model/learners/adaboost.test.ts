import { adaboost } from '../../../src/model/learners/adaboost.ts'
import { learnerContract } from '../../contract/learner-suite.ts'
import { accurate, madeCase, nearBestRanking, onTheRightInputs } from './tree-checks.ts'

learnerContract(adaboost, [
  madeCase('binary', {
    training: 6_000,
    random: true,
    learned: onTheRightInputs(nearBestRanking(0.015, 0.03)),
  }),
  madeCase('multiclass', { training: 6_000, random: true, learned: accurate(0.8) }),
])
