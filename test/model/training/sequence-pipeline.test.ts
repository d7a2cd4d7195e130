import { expect, test } from 'vitest'
import { loadLearner } from '../../../src/model/learners/registry.ts'
import { Random } from '../../../src/model/random.ts'
import type { DataTable } from '../../../src/model/table/read-table.ts'
import type { TableColumn } from '../../../src/model/table/schema.ts'
import { Pipeline } from '../../../src/model/version/pipeline.ts'
import { PLAIN_PIPELINE, fitPipeline } from '../../../src/model/training/fit-pipeline.ts'

const STEPS = 5
const EVENTS = ['view', 'cart', 'buy', 'return']

/** The label is whether the last "buy" was later than the last "return". */
function makeTable(count: number): DataTable {
  const random = new Random(3)
  const columns = Array.from({ length: STEPS }, (_, at): TableColumn[] => {
    const shared = { truth: false, origin: 0, step: { trait: 'last', at, of: STEPS } }
    return [
      { name: `last.${at}.event`, kind: 'category', categories: EVENTS, ...shared },
      { name: `last.${at}.seconds`, kind: 'number', categories: [], ...shared },
    ]
  }).flat()
  const width = columns.length
  const rows = new Float32Array(count * width).fill(Number.NaN)
  const labels = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const events: number[] = []
    for (let at = Math.floor(random.next() * 3); at < STEPS; at++) {
      const event = Math.floor(random.next() * EVENTS.length)
      events.push(event)
      rows[row * width + 2 * at] = event
      rows[row * width + 2 * at + 1] = 600 * (STEPS - at) * random.next()
    }
    labels[row] = events.lastIndexOf(2) > events.lastIndexOf(3) ? 1 : 0
  }
  const label = { name: 'kept', task: 'binary' as const, classes: ['no', 'yes'], truth: true }
  const schema = { columns, ignored: [], label }
  const sizes = { count, width, rows, labels, classes: 2 }
  const rest = { unlabelled: 0, unknownLabels: 0, misfits: {}, extra: [] }
  return { schema, columns, task: 'binary', ...sizes, ...rest }
}

const table = makeTable(2_500)
const fitted = Uint32Array.from({ length: 2_000 }, (_, i) => i)

test.each(['gru', 'lstm'])('%s learns from raw rows of a table with sequences', async (name) => {
  const learner = await loadLearner(name)
  const parameters = { hidden: 16, epochs: 10, learningRate: 0.02 }
  const pipeline = await fitPipeline(learner, table, fitted, {
    parameters,
    seed: 1,
    options: PLAIN_PIPELINE,
  })
  const score = (one: Pipeline): Float32Array => {
    const out = new Float32Array(500)
    one.predict(table.rows.subarray(2_000 * table.width), 500, out)
    return out
  }
  const scores = score(pipeline)
  const right = scores.filter((p, i) => p > 0.5 === (table.labels[2_000 + i] === 1)).length
  expect(right).toBeGreaterThan(475)
  expect(pipeline.importance()).toEqual([])
  expect(score(await Pipeline.load(learner, pipeline.save()))).toEqual(scores)
})

test('a table without sequences is refused, and other learners take the steps as columns', async () => {
  const columns = table.columns.map((column) => ({ ...column, step: undefined }))
  const plain = { ...table, columns, schema: { ...table.schema, columns } }
  const request = { parameters: {}, seed: 1, options: PLAIN_PIPELINE }
  await expect(fitPipeline(await loadLearner('gru'), plain, fitted, request)).rejects.toMatchObject(
    { code: 'ERR_LEARNER_INPUT' },
  )
  const tree = await fitPipeline(await loadLearner('tree'), table, fitted, request)
  expect(tree.preparation).toMatchObject({ form: 'raw', steps: 1 })
})
