import { expect, test } from 'vitest'
import { arima } from '../../../src/model/learners/series/arima.ts'
import { hierarchical } from '../../../src/model/learners/clusters/hierarchical.ts'
import { isolationForest } from '../../../src/model/learners/anomaly/isolation-forest.ts'
import { kmeans } from '../../../src/model/learners/clusters/kmeans.ts'
import { knn } from '../../../src/model/learners/neighbours/knn.ts'
import { pca } from '../../../src/model/learners/projection/pca.ts'
import { svmLinear } from '../../../src/model/learners/svm/svm-linear.ts'
import { svmRbf } from '../../../src/model/learners/svm/svm-rbf.ts'
import { tsne } from '../../../src/model/learners/projection/tsne.ts'
import { predict } from '../../contract/learner-suite.ts'
import { makeAnomalies, makeExamples, makeGroups, makeSeries } from './made-examples.ts'

const SIZE = { count: 300, seed: 6 }
const CASES = [
  [svmLinear, makeExamples('multiclass', SIZE)],
  [svmRbf, makeExamples('multiclass', SIZE)],
  [svmRbf, makeExamples('regression', SIZE)],
  [knn, makeExamples('binary', SIZE)],
  [kmeans, makeGroups('clusters', { ...SIZE, groups: 3 })],
  [hierarchical, makeGroups('clusters', { ...SIZE, groups: 3 })],
  [pca, makeGroups('projection', { ...SIZE, groups: 3 })],
  [tsne, makeGroups('projection', { ...SIZE, groups: 3 })],
  [isolationForest, makeAnomalies(SIZE)],
  [arima, makeSeries(SIZE)],
] as const

test.each(CASES)(
  '$name, stopped before it starts, leaves a model that can be kept',
  async (learner, training) => {
    const signal = AbortSignal.abort()
    const predictor = await learner.fit({
      training,
      validation: null,
      parameters: {},
      seed: 1,
      signal,
    })
    const outputs = predict(predictor, training)
    expect(outputs.every(Number.isFinite)).toBe(true)
    const { description, bytes } = predictor.save()
    const kept = JSON.parse(JSON.stringify(description)) as typeof description
    expect(predict(await learner.load({ description: kept, bytes }), training)).toEqual(outputs)
  },
)

test.each(CASES)('$name learns from a few rows', async (learner, all) => {
  const count = learner.name === 'arima' ? 12 : 6
  const training = {
    ...all,
    count,
    rows: all.rows.slice(0, count * all.width),
    labels: all.labels.slice(0, count),
    truth: all.truth.slice(0, count),
  }
  const predictor = await learner.fit({ training, validation: null, parameters: {}, seed: 1 })
  expect(predict(predictor, all).every(Number.isFinite)).toBe(true)
})
