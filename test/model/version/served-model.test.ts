import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SCORE_TOLERANCE } from '../../../src/model/learners/dense/dense-predictor.ts'
import { ModelRegistry } from '../../../src/model/registry.ts'
import { predictMean, readModelVersion } from '../../../src/model/version/model-version.ts'
import { loadServedModel } from '../../../src/model/version/served-model.ts'
import { categoryCode } from '../../../src/profile/category-code.ts'
import type { Feature } from '../../../src/profile/feature-vector.ts'
import type { DataTable } from '../../../src/model/table/read-table.ts'
import { saveMade } from './made-version.ts'

let directory: string
let registry: ModelRegistry

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'limn-served-'))
  registry = new ModelRegistry(directory)
})

afterEach(() => rm(directory, { recursive: true }))

const number = (name: string): Feature => ({ name, kind: 'number', step: null })
const category = (name: string): Feature => ({ name, kind: 'category', step: null })
/** What a process writes: other features too, and in another order. */
const features = [number('age'), number('spend'), category('device'), number('visits')]
const serving = { features, schemaHash: 'abc' }

/** Rows of the table as a profile writes them. */
function vectorsOf(table: DataTable): Float32Array {
  const vectors = new Float32Array(table.count * features.length)
  for (let row = 0; row < table.count; row++) {
    const [visits, device, spend] = table.rows.subarray(row * 3, row * 3 + 3)
    const text = table.columns[1].categories[device]
    const code = text === undefined ? Number.NaN : categoryCode(text)
    vectors.set([row, spend, code, visits], row * features.length)
  }
  return vectors
}

describe.each([
  ['binary', ['tree']],
  ['binary', ['network', 'boosted_trees']],
  ['multiclass', ['random_forest', 'logistic']],
  ['regression', ['linear']],
] as const)('%s by %s', (task, learners) => {
  test('a version that was saved and loaded scores profiles as it was fitted', async () => {
    const { manifest, table, members } = await saveMade(registry, { task, learners })
    const path = registry.directoryOf('purchase', manifest.version)
    const served = await loadServedModel(path, serving)
    const wanted = new Float32Array(table.count * served.outputs)
    const pipelines = members.map(({ pipeline }) => pipeline)
    predictMean({ pipelines, calibration: null }, table.rows, table.count, wanted)
    const scored = new Float32Array(wanted.length)
    served.score(vectorsOf(table), table.count, scored)
    expect(scored).toEqual(wanted)
    const version = await readModelVersion(path)
    expect(version.predict(table.rows, table.count)).toEqual(wanted)
    served.dispose()
    version.dispose()
  })
})

test('scores rows one by one as it scores many, odd values too', async () => {
  const { manifest, table } = await saveMade(registry, { learners: ['network'] })
  const served = await loadServedModel(registry.directoryOf('purchase', manifest.version), serving)
  const vectors = vectorsOf(table)
  vectors.fill(Number.NaN, 0, 4)
  vectors.set([1, 3e38, categoryCode('phone'), -3e38], 4)
  vectors.set([1, Number.POSITIVE_INFINITY, categoryCode('a text that was not seen'), 1], 8)
  const many = new Float32Array(table.count)
  served.score(vectors, table.count, many)
  const one = new Float32Array(1)
  for (let row = 0; row < table.count; row++) {
    served.score(vectors.subarray(row * 4, row * 4 + 4), 1, one)
    expect(Math.abs(one[0] - many[row])).toBeLessThanOrEqual(SCORE_TOLERANCE)
    expect(one[0]).toBeGreaterThanOrEqual(0)
    expect(one[0]).toBeLessThanOrEqual(1)
  }
})

test('refuses features that are gone or of another kind, another definition, and tables', async () => {
  const { manifest } = await saveMade(registry)
  const path = registry.directoryOf('purchase', manifest.version)
  const refused = (given: object, code: string) =>
    expect(loadServedModel(path, { ...serving, ...given })).rejects.toMatchObject({ code })
  await refused({ features: features.slice(1, 3) }, 'ERR_MODEL_FEATURES')
  await refused({ features: features.map(({ name }) => number(name)) }, 'ERR_MODEL_FEATURES')
  await refused({ schemaHash: 'other' }, 'ERR_MODEL_FEATURES')
  const source = { kind: 'table', file: 'x.csv', rows: 1, unlabelled: 0 } as const
  const table = await saveMade(registry, { name: 'table', manifest: { source } })
  const other = registry.directoryOf('table', table.manifest.version)
  await expect(loadServedModel(other, serving)).rejects.toMatchObject({ code: 'ERR_MODEL_KIND' })
})

test('refuses a manifest of another format, or one that its weights do not fit', async () => {
  const { manifest } = await saveMade(registry)
  const path = join(registry.directoryOf('purchase', manifest.version), 'manifest.json')
  const text = await readFile(path, 'utf8')
  const refused = async (changed: object, code: string) => {
    await writeFile(path, JSON.stringify({ ...JSON.parse(text), ...changed }))
    const version = registry.directoryOf('purchase', manifest.version)
    await expect(readModelVersion(version)).rejects.toMatchObject({ code })
  }
  await refused({ format: 2 }, 'ERR_MODEL_KIND')
  await refused({ members: [] }, 'ERR_MODEL_CORRUPT')
  await refused({ members: [...manifest.members, ...manifest.members] }, 'ERR_MODEL_CORRUPT')
  const fewer = { ...manifest.schema, columns: manifest.schema.columns.slice(1) }
  await refused({ schema: fewer }, 'ERR_MODEL_CORRUPT')
})
