/** A model of each task, trained on the journal and served: answers are as /openapi.json says. */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startLimn, temporaryDirectory, KEYS } from './server.ts'
import type { RunningLimn } from './server.ts'
import { importEvents, runLimn, shopEvents, writeProfile } from './shop-journal.ts'

const TASKS = [
  ['purchase', 'binary'],
  ['next_category', 'multiclass'],
  ['spend_24h', 'regression'],
  ['views_next', 'count'],
] as const
type Task = (typeof TASKS)[number][1]

interface Prediction {
  readonly model: string
  readonly version: string
  readonly score: number
  readonly label: string | null
  readonly scores?: Readonly<Record<string, number>>
  readonly position: string
}

interface ListedModel {
  readonly model: string
  readonly version: string
  readonly learner: string
  readonly task: Task
  readonly target: string
  readonly classes: readonly string[]
  readonly threshold: number | null
  readonly metrics: Readonly<Record<string, number | null>>
}

const directory = temporaryDirectory()
const env = {
  LIMN_PROFILE_FILE: writeProfile(join(directory.path, 'config')),
  LIMN_STORAGE_SHARDS: '2',
}
let limn: RunningLimn
/** A shopper. */
let known = ''
let models: readonly ListedModel[] = []

beforeAll(async () => {
  limn = await startLimn(directory.path, env)
  const events = shopEvents(10, 150)
  known = String(events[0].userId)
  const odd = { ...events[0], messageId: 'odd', userId: '__proto__' }
  await importEvents(limn, [...events, odd])
  for (const [model] of TASKS) {
    const { code, stderr } = await runLimn(['train', model, '--data', directory.path], env)
    expect(code, stderr).toBe(0)
  }
  const until = Date.now() + 10_000
  while (models.length < TASKS.length && Date.now() < until) {
    models = (await limn.get('/v1/models')).body.models as readonly ListedModel[]
    await setTimeout(50)
  }
}, 180_000)

afterAll(async () => {
  expect(await limn.stop()).toBe(0)
  expect(limn.output()).not.toContain('"level":50')
  directory.remove()
})

function modelOf(name: string): ListedModel {
  const found = models.find(({ model }) => model === name)
  if (found === undefined) throw new Error(`${name} is not served`)
  return found
}

/** What the documentation of the type says, for each task. */
function expectPrediction(prediction: Prediction, name: string): void {
  const { task, classes, threshold, version } = modelOf(name)
  expect(prediction).toMatchObject({ model: name, version })
  expect(prediction.position).toMatch(/^\d+:\d+$/)
  const { score, label, scores } = prediction
  expect(Number.isFinite(score)).toBe(true)
  if (task === 'regression' || task === 'count') {
    expect(label).toBeNull()
    expect(scores).toBeUndefined()
    if (task === 'count') expect(score).toBeGreaterThanOrEqual(0)
    return
  }
  expect(score).toBeGreaterThanOrEqual(0)
  expect(score).toBeLessThanOrEqual(1)
  if (task === 'binary') {
    expect(scores).toBeUndefined()
    expect(label).toBe(classes[score >= (threshold ?? Number.NaN) ? 1 : 0])
    return
  }
  expect(Object.keys(scores ?? {}).sort()).toEqual([...classes].sort())
  const values = Object.values(scores ?? {})
  expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4)
  expect(score).toBe(Math.max(...values))
  expect(scores?.[label ?? '']).toBe(score)
}

async function ask<Answer>(path: string): Promise<Answer> {
  const { status, body } = await limn.get(path)
  expect(status, JSON.stringify(body)).toBe(200)
  return body as Answer
}

async function askBatch(model: string, ids: readonly string[]) {
  const response = await fetch(`${limn.address}/v1/predictions/${model}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEYS.read}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ids }),
  })
  const body = (await response.json()) as {
    predictions: { id: string; prediction: Prediction | null }[]
  }
  return { status: response.status, body }
}

/** The schema of an answer in the OpenAPI document, as a check. */
async function described(path: string, method: 'get' | 'post') {
  const document = await ask<{
    paths: Record<
      string,
      Record<string, { responses: { 200: { content: Record<string, { schema: TSchema }> } } }>
    >
  }>('/openapi.json')
  const { schema } = document.paths[path][method].responses[200].content['application/json']
  return Compile(schema)
}

test('the list of models says what each is', () => {
  for (const [name, task] of TASKS) {
    const { learner, target, classes, threshold, metrics, ...rest } = modelOf(name)
    expect(rest).toEqual({ model: name, version: '1', task })
    expect(learner).toBe(task === 'regression' || task === 'count' ? 'linear' : 'logistic')
    expect(target).toContain('within 24h')
    expect(classes.length).toBe(task === 'binary' ? 2 : task === 'multiclass' ? classes.length : 0)
    if (task === 'multiclass') expect(classes.length).toBeGreaterThan(2)
    expect(threshold === null).toBe(task !== 'binary')
    const wanted = { binary: 'rocAuc', multiclass: 'accuracy', regression: 'mae', count: 'mae' }
    expect(metrics[wanted[task]]).toBeTypeOf('number')
  }
})

describe.each(TASKS)('%s (%s)', (name) => {
  test('is answered by all routes alike', async () => {
    const one = await ask<Prediction>(`/v1/profiles/${known}/predictions/${name}`)
    expectPrediction(one, name)
    const { predictions } = await ask<{ predictions: Record<string, Prediction> }>(
      `/v1/profiles/${known}/predictions`,
    )
    expectPrediction(predictions[name], name)
    const ids = [known, 'nobody', '__proto__', 'constructor', known]
    const batch = await askBatch(name, ids)
    expect(batch.status).toBe(200)
    expect(batch.body.predictions.map((entry) => entry.id)).toEqual(ids)
    const [first, nobody, proto, unknown, again] = batch.body.predictions
    for (const { prediction } of [first, proto, again]) {
      if (prediction === null) throw new Error('no prediction')
      expectPrediction(prediction, name)
    }
    expect(again).toEqual(first)
    expect([nobody.prediction, unknown.prediction]).toEqual([null, null])
  })

  test('is answered with the events that were sent, however odd they are', async () => {
    const send = async (userId: string, properties: string): Promise<void> => {
      const message = `{"userId":"${userId}","event":"Product Viewed","properties":${properties}}`
      const { status, body } = await limn.post(`/v1/track?predict=${name}`, message)
      expect(status, JSON.stringify(body)).toBe(200)
      const predictions = body.predictions as Record<string, Prediction>
      expectPrediction(predictions[name], name)
      expect(predictions[name].position).toBe(body.position)
    }
    await send(`empty-${name}`, '{}')
    await send(`vast-${name}`, '{"heat":1e999,"category":"never seen in training"}')
    await send(`vast-${name}`, '{"heat":-1e999}')
    await send(`large-${name}`, '{"heat":1e308,"price":1e9,"outcome":"perhaps"}')
    await send(`odd-${name}`, '{"heat":"1e999","category":"__proto__","price":null}')
    const { body } = await askBatch(name, [`empty-${name}`, `vast-${name}`])
    for (const { prediction } of body.predictions) {
      if (prediction === null) throw new Error('no prediction')
      expectPrediction(prediction, name)
    }
  })
})

test('answers are as the OpenAPI document describes them', async () => {
  const check = async (path: string, method: 'get' | 'post', answer: unknown): Promise<void> => {
    const schema = await described(path, method)
    expect([...schema.Errors(answer)], path).toEqual([])
    const text = JSON.stringify(answer)
    for (const key of ['"score":', '"model":'].filter((part) => text.includes(part))) {
      expect(schema.Check(JSON.parse(text.replaceAll(key, '"other":'))), path).toBe(false)
    }
  }
  const base = '/v1/profiles/{id}/predictions'
  for (const [name] of TASKS) {
    const path = `/v1/profiles/${known}/predictions/${name}`
    await check(`${base}/{model}`, 'get', await ask(path))
    const { body } = await askBatch(name, [known, 'nobody'])
    await check('/v1/predictions/{model}', 'post', body)
  }
  await check(base, 'get', await ask(`/v1/profiles/${known}/predictions`))
  await check('/v1/models', 'get', await ask('/v1/models'))
  const names = [...TASKS.map(([name]) => name), 'nobody'].join(',')
  const message = { userId: known, event: 'Product Viewed' }
  const { body } = await limn.post(`/v1/track?predict=${names}`, message)
  expect(Object.keys(body.predictions as object)).toHaveLength(TASKS.length + 1)
  await check('/v1/track', 'post', body)
})

test('a model that is not served, and a name that none can have', async () => {
  const unknown = await limn.get(`/v1/profiles/${known}/predictions/never`)
  expect(unknown).toMatchObject({ status: 404, body: { error: { code: 'ERR_MODEL_UNKNOWN' } } })
  const wrong = await limn.get(`/v1/profiles/${known}/predictions/__proto__`)
  expect(wrong).toMatchObject({ status: 400, body: { error: { code: 'ERR_REQUEST_PARAMETER' } } })
})
