import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fitInputPreparation } from '../../../src/model/preparation/fit-preparation.ts'
import { InputPreparation } from '../../../src/model/preparation/input-preparation.ts'
import type { SavedPreparation } from '../../../src/model/preparation/codec.ts'
import { MADE_COLUMNS, makeRawRows } from './made-rows.ts'

const raw = makeRawRows(2_000, 1)
const later = makeRawRows(300, 2)
const crosses: readonly (readonly [string, string])[] = [
  ['channel', 'member'],
  ['channel', 'age'],
]
const dense = fitInputPreparation(raw, MADE_COLUMNS, { form: 'dense', crosses })
const plain = fitInputPreparation(raw, MADE_COLUMNS, { form: 'raw', crosses })

function prepared(preparation: InputPreparation, rows: Float32Array): Float32Array {
  const count = rows.length / preparation.columns
  const out = new Float32Array(count * preparation.width).fill(99)
  preparation.prepare(rows, count, out)
  return out
}

function column(preparation: InputPreparation, rows: Float32Array, name: string): number[] {
  const at = preparation.names.indexOf(name)
  expect(at, name).toBeGreaterThanOrEqual(0)
  const out = prepared(preparation, rows)
  return Array.from({ length: out.length / preparation.width }, (_, i) => {
    return out[i * preparation.width + at]
  })
}

function moments(values: readonly number[]): { mean: number; deviation: number; skewness: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length
  const power = (n: number) => values.reduce((sum, x) => sum + (x - mean) ** n, 0) / values.length
  return { mean, deviation: Math.sqrt(power(2)), skewness: power(3) / power(2) ** 1.5 }
}

test('names its inputs', () => {
  expect(dense.names.filter((name) => !/item (= item|in)/.test(name))).toEqual([
    'age',
    'spend',
    'score',
    'score is missing',
    'channel = ad',
    'channel = mail',
    'channel = search',
    'member = yes',
    'item is missing',
    'day',
    'day: hour (sine)',
    'day: hour (cosine)',
    'day: weekday (sine)',
    'day: weekday (cosine)',
    ...['ad', 'mail', 'search'].flatMap((channel) => [
      `channel × member = ${channel} × no`,
      `channel × member = ${channel} × yes`,
    ]),
    ...['ad', 'mail', 'search'].map((channel) => `age where channel = ${channel}`),
  ])
  const seen = new Map<number, number>()
  for (let i = 6; i < raw.rows.length; i += raw.width) {
    seen.set(raw.rows[i], (seen.get(raw.rows[i]) ?? 0) + 1)
  }
  const frequent = [...seen].filter(([item, rows]) => item === item && rows >= 10)
  expect(dense.names.filter((name) => name.startsWith('item = ')).length).toBe(frequent.length)
  expect(dense.names.filter((name) => name.startsWith('item in bucket ')).length).toBe(32)
  expect(dense.plan.constant).toEqual(['same'])
  expect(plain.names).toContain('day: hour')
  expect(plain.names).not.toContain('score is missing')
})

test('standardises numbers, on a logarithmic scale where the tail is heavy', () => {
  for (const name of ['age', 'spend']) {
    const { mean, deviation, skewness } = moments(column(dense, raw.rows, name))
    expect(Math.abs(mean)).toBeLessThan(1e-4)
    expect(deviation).toBeCloseTo(1, 4)
    expect(Math.abs(skewness)).toBeLessThan(0.5)
  }
  const transforms = dense.plan.numbers.map(({ transform }) => transform?.logarithmic)
  expect(transforms).toEqual([false, true, false, false])
})

test('the raw form keeps numbers as they are', () => {
  const ages = column(plain, later.rows, 'age')
  ages.forEach((age, row) => expect(age).toBe(later.rows[row * raw.width]))
  const scores = column(plain, later.rows, 'score')
  scores.forEach((score, row) => expect(score).toBe(later.rows[row * raw.width + 3]))
})

test('fills what is missing with the median or the mean, and says so', () => {
  const byMean = fitInputPreparation(raw, MADE_COLUMNS, { form: 'dense', fill: 'mean' })
  const row = raw.rows.slice(0, raw.width).with(3, Number.NaN)
  expect(column(byMean, row, 'score')).toEqual([0])
  expect(column(byMean, row, 'score is missing')).toEqual([1])
  const present = [...raw.rows].filter((x, i) => i % raw.width === 3 && x === x)
  const middle = present.sort((a, b) => a - b)
  const median = row.with(3, middle[Math.floor(middle.length / 2)])
  expect(column(dense, row, 'score')[0]).toBeCloseTo(column(dense, median, 'score')[0], 2)
})

test('clips outliers to the quantiles of the rows fitted on', () => {
  const far = raw.rows.slice(0, raw.width).with(0, 1e9)
  const further = far.with(0, 3e38)
  const [clipped] = column(dense, far, 'age')
  expect(clipped).toBeLessThan(4)
  expect(clipped).toBeGreaterThan(2)
  expect(column(dense, further, 'age')).toEqual([clipped])
})

test('a category sets the flag of its own, rare ones share, unseen ones set none', () => {
  const out = (code: number) => {
    const inputs = prepared(dense, raw.rows.slice(0, raw.width).with(6, code))
    return dense.names.filter((name, i) => name.startsWith('item') && inputs[i] !== 0)
  }
  expect(out(0)).toEqual(['item = item 0'])
  expect(out(499)).toEqual([expect.stringMatching(/^item in bucket \d+$/)])
  expect(out(Number.NaN)).toEqual(['item is missing'])
  const rare = fitInputPreparation(raw, MADE_COLUMNS, { form: 'raw', hashAbove: 1_000 })
  expect(rare.names).toContain('item = (rare)')
  const unseen = prepared(dense, raw.rows.slice(0, raw.width).with(4, Number.NaN))
  expect(dense.names.filter((name, i) => name.startsWith('channel') && unseen[i] !== 0)).toEqual([])
})

test('crosses are the product of their parts', () => {
  const ads = column(dense, later.rows, 'channel = ad')
  const members = column(dense, later.rows, 'member = yes')
  const ages = column(dense, later.rows, 'age')
  column(dense, later.rows, 'channel × member = ad × yes').forEach((flag, row) => {
    expect(flag).toBe(ads[row] * members[row])
  })
  column(dense, later.rows, 'age where channel = ad').forEach((age, row) => {
    expect(age).toBe(ads[row] === 1 ? ages[row] : 0)
  })
  const crossing = (pair: readonly [string, string]) => () =>
    fitInputPreparation(raw, MADE_COLUMNS, { form: 'dense', crosses: [pair] })
  expect(crossing(['age', 'spend'])).toThrow(/one must be a category/)
  expect(crossing(['age', 'nope'])).toThrow(/no column "nope"/)
})

test('places a time in the day and the week', () => {
  // 2024-01-01 was a Monday; six in the evening of the Wednesday after.
  const row = raw.rows.slice(0, raw.width).with(7, 2.75)
  expect(column(plain, row, 'day: hour')).toEqual([18])
  expect(column(plain, row, 'day: weekday')).toEqual([3])
  expect(column(dense, row, 'day: hour (sine)')[0]).toBeCloseTo(-1, 5)
  expect(column(dense, row, 'day: weekday (cosine)')[0]).toBeCloseTo(Math.cos((6 * Math.PI) / 7), 5)
})

describe.each([
  ['dense', dense],
  ['raw', plain],
] as const)('in the %s form', (form, preparation) => {
  const odd = fc.oneof(
    fc.float(),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1e6, 0.5),
  )
  const oddRow = fc.array(odd, { minLength: raw.width, maxLength: raw.width })

  test('any row gives inputs that a learner takes', () => {
    fc.assert(
      fc.property(oddRow, (values) => {
        const out = prepared(preparation, Float32Array.from(values))
        return out.every((x) => x - x === 0 || (form === 'raw' && Number.isNaN(x)))
      }),
    )
  })

  test('a row alone has the inputs that it has among others', () => {
    const all = prepared(preparation, later.rows)
    for (const row of [0, 1, 255, 256, 257, 299]) {
      const alone = prepared(preparation, later.rows.slice(row * raw.width, (row + 1) * raw.width))
      expect(alone).toEqual(all.slice(row * preparation.width, (row + 1) * preparation.width))
    }
  })

  test('survives save and load bit by bit', () => {
    const saved = preparation.save()
    const text = JSON.stringify(saved.description)
    const loaded = InputPreparation.load({
      description: JSON.parse(text) as SavedPreparation['description'],
      bytes: saved.bytes.slice(),
    })
    expect(prepared(loaded, later.rows)).toEqual(prepared(preparation, later.rows))
    expect(loaded.plan).toEqual(preparation.plan)
    const damaged = [
      { ...saved, bytes: saved.bytes.slice(4) },
      { ...saved, bytes: saved.bytes.slice(1) },
      { ...saved, bytes: saved.bytes.map(() => 0x7f) },
      { ...saved, description: { ...saved.description, inputs: ['one'] } },
      { ...saved, description: { form } },
    ]
    for (const one of damaged) {
      expect(() => InputPreparation.load(one)).toThrow(
        expect.objectContaining({ code: 'ERR_MODEL_CORRUPT' }),
      )
    }
  })

  test('with some inputs kept, those have the values that they had', () => {
    const names = preparation.names.filter((_, i) => i % 3 === 1)
    const kept = preparation.keep(names)
    expect(kept.names).toEqual(names)
    for (const name of names.slice(0, 12)) {
      expect(column(kept, later.rows, name)).toEqual(column(preparation, later.rows, name))
    }
    expect(() => preparation.keep(['nope'])).toThrow(/no input "nope"/)
    expect(() => preparation.keep([])).toThrow(/no input is kept/)
  })
})

test('a column that hardly ever differs is not clipped away', () => {
  const rows = new Float32Array(5_000).map((_, i) => (i % 1_250 === 0 ? 4 : 0))
  const [name] = MADE_COLUMNS
  const rare = fitInputPreparation({ width: 1, count: 5_000, rows }, [name], { form: 'dense' })
  const [high, low] = prepared(rare, Float32Array.of(4, 0))
  expect(high).toBeGreaterThan(low)
})

test('refuses rows of which nothing can be learned', () => {
  const same = { width: 1, count: 3, rows: Float32Array.of(1, 1, 1) }
  const fitting = () => fitInputPreparation(same, [MADE_COLUMNS[0]], { form: 'dense' })
  expect(fitting).toThrow(expect.objectContaining({ code: 'ERR_DATASET_EMPTY' }))
})
