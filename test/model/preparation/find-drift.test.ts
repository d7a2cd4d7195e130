import { expect, test } from 'vitest'
import { findDrift } from '../../../src/model/preparation/find-drift.ts'
import { Random } from '../../../src/model/random.ts'
import { numberColumn } from '../training/made-learning-table.ts'

const COUNT = 6_000
const random = new Random(1)
const columns = [
  ...['steady', 'rising', 'tail', 'tail ends', 'often missing', 'same'].map(numberColumn),
  { ...numberColumn('day'), kind: 'time' as const },
]
const rows = Float32Array.from(
  Array.from({ length: COUNT }, (_, row) => {
    const later = row >= COUNT / 2
    return [
      random.normal(),
      random.normal() + (later ? 0.35 : 0),
      Math.exp(3 * random.normal()),
      Math.exp(3 * random.normal() + (later ? 0.9 : 0)),
      random.next() < 0.7 ? Number.NaN : random.normal() + (later ? 0.35 : 0),
      7,
      row,
    ]
  }).flat(),
)
const between = (start: number, end: number) =>
  Uint32Array.from({ length: end - start }, (_, i) => start + i)

test('names numbers whose mean moved, on the scale that they are prepared on', () => {
  const early = between(0, COUNT / 2)
  const late = between(COUNT / 2, COUNT)
  expect(findDrift({ columns, rows }, early, late)).toEqual(['rising', 'tail ends'])
  expect(findDrift({ columns, rows }, late, early)).toEqual(['rising', 'tail ends'])
  const halves = [early.filter((row) => row % 2 === 0), early.filter((row) => row % 2 === 1)]
  expect(findDrift({ columns, rows }, halves[0], halves[1])).toEqual([])
})

test('looks for none with few later rows', () => {
  const early = between(0, COUNT / 2)
  const few = between(COUNT / 2, COUNT / 2 + 999)
  expect(findDrift({ columns, rows }, early, few)).toEqual([])
  const enough = between(COUNT / 2, COUNT / 2 + 1_000)
  expect(findDrift({ columns, rows }, early, enough)).toContain('rising')
})

test('takes a column on the scale that is asked for', () => {
  const prices = Float32Array.from({ length: COUNT }, (_, row) => {
    return row >= COUNT / 2 && row % 12 === 0 ? 0 : 1 + 99 * random.next()
  })
  const table = { columns: [numberColumn('price')], rows: prices }
  const [early, late] = [between(0, COUNT / 2), between(COUNT / 2, COUNT)]
  expect(findDrift(table, early, late)).toEqual([])
  expect(findDrift(table, early, late, { log: ['price'] })).toEqual(['price'])
})
