import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fitInputPreparation } from '../../../src/model/preparation/fit-preparation.ts'
import { fitSequencePreparation } from '../../../src/model/preparation/fit-sequence.ts'
import { SequencePreparation } from '../../../src/model/preparation/sequence-preparation.ts'
import { loadTablePreparation } from '../../../src/model/preparation/table-preparation.ts'
import { Random } from '../../../src/model/random.ts'
import type { TableColumn } from '../../../src/model/table/schema.ts'

const STEPS = 4
const TEXTS = ['view', 'cart', 'buy', 'seen once']
/** Each step has its own list of the texts, in an order of its own. */
const LISTS = Array.from({ length: STEPS }, (_, i) => [...TEXTS.slice(i), ...TEXTS.slice(0, i)])

function column(at: number, part: 'event' | 'seconds' | 'value'): TableColumn {
  return {
    name: `last.${at}.${part}`,
    kind: part === 'event' ? 'category' : 'number',
    categories: part === 'event' ? LISTS[at] : [],
    truth: false,
    origin: 0,
    step: { trait: 'last', at, of: STEPS },
  }
}

/** One column that is no step, then events, seconds and values of the steps. */
const COLUMNS: readonly TableColumn[] = [
  { name: 'visits', kind: 'number', categories: [], truth: false, origin: 0 },
  ...Array.from({ length: STEPS }, (_, at) => [
    column(at, 'event'),
    column(at, 'seconds'),
    column(at, 'value'),
  ]).flat(),
]
const WIDTH = COLUMNS.length

interface Step {
  readonly event: string
  readonly seconds: number
  readonly value: number
}

function rawRow(steps: readonly (Step | null)[], visits = 3): Float32Array {
  const row = new Float32Array(WIDTH).fill(Number.NaN)
  row[0] = visits
  steps.forEach((step, i) => {
    if (step === null) return
    const at = STEPS - steps.length + i
    row.set([LISTS[at].indexOf(step.event), step.seconds, step.value], 1 + 3 * at)
  })
  return row
}

function made(): { rows: Float32Array; width: number; count: number } {
  const random = new Random(2)
  const count = 500
  const rows = new Float32Array(count * WIDTH)
  for (let row = 0; row < count; row++) {
    let seconds = 0
    const steps = Array.from({ length: Math.floor(random.next() * (STEPS + 1)) }, (): Step => {
      seconds += Math.exp(6 + 2 * random.normal())
      const event = TEXTS[Math.floor(random.next() * 3)]
      return { event, seconds, value: event === 'buy' ? 100 * random.next() : Number.NaN }
    })
    rows.set(rawRow(steps.reverse(), Math.floor(10 * random.next())), row * WIDTH)
  }
  rows.set(rawRow([{ event: 'seen once', seconds: 1, value: 2 }]), 0)
  return { rows, width: WIDTH, count }
}

const raw = made()
const fitted = fitSequencePreparation(raw, COLUMNS)
const STEP_INPUTS = [
  'last.event = view',
  'last.event = cart',
  'last.event = buy',
  'last.event = (rare)',
  'last.seconds',
  'last.seconds since the step before',
  'last.value',
  'last.value is missing',
  'visits',
]

function prepare(preparation: SequencePreparation, row: Float32Array): Map<string, number> {
  const out = new Float32Array(preparation.width)
  preparation.prepare(row, 1, out)
  return new Map(preparation.names.map((name, i) => [name, out[i]]))
}

test('every step has the same inputs', () => {
  expect(fitted).toMatchObject({ form: 'sequence', steps: STEPS, columns: WIDTH })
  expect(fitted.width).toBe(STEPS * STEP_INPUTS.length)
  expect(fitted.names.slice(0, STEP_INPUTS.length).toSorted()).toEqual(
    STEP_INPUTS.map((name) => `${name} (3 before)`).toSorted(),
  )
})

test('a column that is no part of a step is an input of the latest one, as for a dense learner', () => {
  const dense = fitInputPreparation(
    { width: 1, count: raw.count, rows: raw.rows.filter((_, i) => i % WIDTH === 0) },
    COLUMNS.slice(0, 1),
    { form: 'dense' },
  )
  const step: Step = { event: 'view', seconds: 10, value: 1 }
  for (const visits of [0, 4, 9, Number.NaN]) {
    const expected = new Float32Array(1)
    dense.prepare(Float32Array.of(visits), 1, expected)
    const inputs = prepare(fitted, rawRow([step, step], visits))
    expect(inputs.get('visits (latest)')).toBe(expected[0])
    expect(inputs.get('visits (1 before)')).toBe(0)
    expect(inputs.get('visits (2 before)')).toBeNaN()
    const alone = prepare(fitted, rawRow([], visits))
    expect(alone.get('visits (latest)')).toBe(expected[0])
    for (const name of STEP_INPUTS.slice(0, -1)) expect(alone.get(`${name} (latest)`)).toBe(0)
    expect(alone.get('visits (1 before)')).toBeNaN()
  }
})

test('a text has the same flag at every step, whatever its code there', () => {
  const same: Step = { event: 'cart', seconds: 60, value: 5 }
  const inputs = prepare(fitted, rawRow([same, same, same]))
  for (const when of ['(2 before)', '(1 before)', '(latest)']) {
    expect(inputs.get(`last.event = cart ${when}`)).toBe(1)
    expect(inputs.get(`last.event = view ${when}`)).toBe(0)
    expect(inputs.get(`last.value is missing ${when}`)).toBe(0)
  }
  const rare = prepare(fitted, rawRow([{ ...same, event: 'seen once' }]))
  expect(rare.get('last.event = (rare) (latest)')).toBe(1)
})

test('a step that is not there is NaN, the others are finite', () => {
  const step: Step = { event: 'buy', seconds: 10, value: Number.NaN }
  const inputs = prepare(fitted, rawRow([step, null, step]))
  for (const [name, value] of inputs) {
    const absent = name.endsWith('(3 before)') || name.endsWith('(1 before)')
    expect(Number.isNaN(value), name).toBe(absent)
  }
  expect(inputs.get('last.value is missing (latest)')).toBe(1)
  expect(inputs.get('last.value (latest)')).toBe(0)
})

test('seconds are on a logarithmic scale, and so is the time since the step before that is there', () => {
  const inputsOf = (seconds: number): Map<string, number> =>
    prepare(
      fitted,
      rawRow([
        { event: 'view', seconds: 5_000, value: 1 },
        null,
        { event: 'view', seconds, value: 1 },
      ]),
    )
  const at = (seconds: number, name: string): number => inputsOf(seconds).get(name) ?? Number.NaN
  const [a, b, c] = [99, 999, 3_999].map((seconds) => at(seconds, 'last.seconds (latest)'))
  expect((b - a) / (c - b)).toBeCloseTo(Math.log(10) / Math.log(4), 3)
  const gap = 'last.seconds since the step before (latest)'
  const [d, e, f] = [5_000 - 99, 5_000 - 999, 5_000 - 3_999].map((seconds) => at(seconds, gap))
  expect((e - d) / (f - e)).toBeCloseTo(Math.log(10) / Math.log(4), 3)
  expect(inputsOf(99).get('last.seconds since the step before (2 before)')).toBe(0)
})

test('what training rows have is standardised over all steps', () => {
  const out = new Float32Array(raw.count * fitted.width)
  fitted.prepare(raw.rows, raw.count, out)
  for (const [part, offset] of [
    ['seconds', 2],
    ['value', 3],
  ] as const) {
    const first = fitted.names.indexOf(`last.${part} (3 before)`)
    const values: number[] = []
    for (let row = 0; row < raw.count; row++) {
      for (let step = 0; step < STEPS; step++) {
        if (Number.isNaN(raw.rows[row * WIDTH + 3 * step + offset])) continue
        values.push(out[row * fitted.width + step * STEP_INPUTS.length + first])
      }
    }
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    expect(mean).toBeCloseTo(0, 2)
    expect(square).toBeCloseTo(1, 2)
  }
})

test('any raw value gives steps that are finite, or not there as a whole', () => {
  const odd = fc.oneof(
    fc.float(),
    fc.constantFrom(Number.NaN, 0, 1, 3e38, -3e38, Infinity, -1, 0.5),
  )
  fc.assert(
    fc.property(fc.array(odd, { minLength: WIDTH, maxLength: WIDTH }), (values) => {
      const row = Float32Array.from(values)
      const out = new Float32Array(fitted.width)
      fitted.prepare(row, 1, out)
      const inputs = STEP_INPUTS.length
      for (let step = 0; step < STEPS; step++) {
        const missing = row.subarray(1 + 3 * step, 4 + 3 * step).every(Number.isNaN)
        const given = out.subarray(step * inputs, (step + 1) * inputs)
        const absent = missing && step < STEPS - 1
        expect(given.every(absent ? Number.isNaN : Number.isFinite)).toBe(true)
      }
    }),
  )
})

test('rows are prepared by themselves', () => {
  const all = new Float32Array(raw.count * fitted.width)
  fitted.prepare(raw.rows, raw.count, all)
  for (const row of [0, 3, raw.count - 1]) {
    const alone = new Float32Array(fitted.width)
    fitted.prepare(raw.rows.subarray(row * WIDTH, (row + 1) * WIDTH), 1, alone)
    expect(alone).toEqual(all.subarray(row * fitted.width, (row + 1) * fitted.width))
  }
})

test('kept inputs are those of all steps of which one is named', () => {
  const kept = fitted.keep(['last.seconds (latest)', 'last.event = buy (2 before)'])
  expect(kept.width).toBe(2 * STEPS)
  expect(fitted.keep(['last.seconds (latest)', 'visits (latest)']).width).toBe(2 * STEPS)
  const row = rawRow([{ event: 'buy', seconds: 44, value: 1 }])
  const [whole, part] = [prepare(fitted, row), prepare(kept, row)]
  for (const [name, value] of part) expect(value, name).toBe(whole.get(name))
  expect(() => fitted.keep([])).toThrow(expect.objectContaining({ code: 'ERR_PREPARATION_INPUT' }))
  expect(() => fitted.keep(['visits (before)'])).toThrow(
    expect.objectContaining({ code: 'ERR_PREPARATION_INPUT' }),
  )
})

describe('saved', () => {
  const saved = fitted.save()
  const description = JSON.parse(JSON.stringify(saved.description)) as Record<string, unknown>

  test('and loaded, it is the same', () => {
    const loaded = loadTablePreparation({ description, bytes: saved.bytes.slice() })
    expect(loaded).toMatchObject({ form: 'sequence', steps: STEPS, names: fitted.names })
    const [a, b] = [fitted, loaded].map((one) => {
      const out = new Float32Array(raw.count * one.width)
      one.prepare(raw.rows, raw.count, out)
      return out
    })
    expect(a).toEqual(b)
  })

  test('and damaged, it is refused', () => {
    const bytes = saved.bytes.slice()
    bytes.fill(100)
    const damaged = [
      { description, bytes: saved.bytes.slice(1) },
      { description, bytes: saved.bytes.slice(4) },
      { description, bytes },
      { description: { ...description, steps: 3 }, bytes: saved.bytes },
      { description: { ...description, inputs: ['one'] }, bytes: saved.bytes },
      { description: { ...description, columns: [] }, bytes: saved.bytes },
      { description: { ...description, statics: null }, bytes: Uint8Array.of(...saved.bytes, 0) },
      { description: { ...description, statics: { columns: [0], plan: {} } }, bytes: saved.bytes },
    ]
    for (const one of damaged) {
      expect(() => SequencePreparation.load(one)).toThrow(
        expect.objectContaining({ code: 'ERR_MODEL_CORRUPT' }),
      )
    }
  })
})

describe('refused', () => {
  const fit = (columns: readonly TableColumn[]) => () => fitSequencePreparation(raw, columns)

  test('a table without steps', () => {
    const plain = COLUMNS.map((one) => ({ ...one, step: undefined }))
    expect(fit(plain)).toThrow(
      expect.objectContaining({
        code: 'ERR_LEARNER_INPUT',
        message: expect.stringContaining('"recent" trait') as string,
      }),
    )
  })

  test('a step outside of its sequence', () => {
    const off = COLUMNS.map((one) =>
      one.step === undefined ? one : { ...one, step: { ...one.step, at: one.step.at + 1 } },
    )
    expect(fit(off)).toThrow(expect.objectContaining({ code: 'ERR_LEARNER_INPUT' }))
  })

  test('no rows, and rows in which nothing varies', () => {
    const empty = { ...raw, rows: new Float32Array(0), count: 0 }
    const same = { ...raw, rows: new Float32Array(raw.rows.length).fill(1) }
    for (const rows of [empty, same]) {
      const onlyNumbers = COLUMNS.filter(({ kind }) => kind === 'number')
      const width = onlyNumbers.length
      expect(() =>
        fitSequencePreparation(
          { ...rows, width, rows: rows.rows.slice(0, rows.count * width) },
          onlyNumbers,
        ),
      ).toThrow(expect.objectContaining({ code: 'ERR_DATASET_EMPTY' }))
    }
  })
})
