import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldRounds, timeRounds } from '../../../src/model/training/rounds.ts'

const sorted = (rows: Iterable<number>) => [...rows].sort((a, b) => a - b)

describe('rounds of folds', () => {
  const drawn = fc.record({
    labels: fc.array(fc.nat(2), { minLength: 10, maxLength: 200 }),
    leaveOut: fc.nat(3),
    folds: fc.integer({ min: 2, max: 7 }),
    seed: fc.nat(),
  })

  test('hold every row once; folds and their shares of each class are as equal as can be', () => {
    fc.assert(
      fc.property(drawn, ({ labels, leaveOut, folds, seed }) => {
        const all = labels.map((_, row) => row)
        const rows = leaveOut === 0 ? all : all.filter((row) => row % (leaveOut + 1) > 0)
        fc.pre(rows.length >= folds)
        const given = leaveOut === 0 ? undefined : Uint32Array.from(rows.toReversed())
        const options = { folds, classes: 3, seed, rows: given }
        const rounds = foldRounds(Float32Array.from(labels), options)
        expect(rounds).toHaveLength(folds)
        expect(sorted(rounds.flatMap(({ held }) => [...held]))).toEqual(rows)
        for (const { fit, held } of rounds) {
          expect(sorted([...fit, ...held])).toEqual(rows)
          expect([...held]).toEqual(sorted(held))
          expect(Math.abs(held.length - rows.length / folds)).toBeLessThan(1)
          for (let group = 0; group < 3; group++) {
            const own = [...held].filter((row) => labels[row] === group).length
            const there = rows.filter((row) => labels[row] === group).length
            expect(Math.abs(own - there / folds)).toBeLessThan(1)
          }
        }
        expect(foldRounds(Float32Array.from(labels), options)).toEqual(rounds)
      }),
    )
  })

  test.each([
    [3, 4],
    [10, 1],
    [0, 2],
  ])('of %i rows in %i folds are refused', (count, folds) => {
    const cut = () => foldRounds(new Float32Array(count), { folds, classes: 0, seed: 1 })
    expect(cut).toThrow(expect.objectContaining({ code: 'ERR_DATASET_EMPTY' }))
  })
})

describe('a round by time', () => {
  const times = fc.array(
    fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 60 }) }, fc.constant(Number.NaN)),
    { minLength: 1, maxLength: 80 },
  )
  const drawn = fc.record({
    times,
    validation: fc.constantFrom(0.1, 0.25, 0.5),
    gapMs: fc.integer({ min: 0, max: 20 }),
  })

  test('holds the latest share, and fits on no row within the gap before it', () => {
    fc.assert(
      fc.property(drawn, ({ times: made, validation, gapMs }) => {
        const timed = made.flatMap((time, row) => (time === time ? [row] : []))
        const cut = () => timeRounds(Float64Array.from(made), { validation, gapMs })
        const latest = sorted(timed.map((row) => made[row]))
        const heldFrom = latest[Math.floor(timed.length * (1 - validation))]
        const early = timed.filter((row) => made[row] < heldFrom && made[row] + gapMs <= heldFrom)
        if (early.length === 0) {
          expect(cut).toThrow(expect.objectContaining({ code: 'ERR_DATASET_EMPTY' }))
          return
        }
        const [{ fit, held }, ...more] = cut()
        expect(more).toEqual([])
        expect([...fit]).toEqual(early)
        expect([...held]).toEqual(timed.filter((row) => made[row] >= heldFrom))
        expect(held.length).toBeGreaterThanOrEqual(Math.floor(validation * timed.length))
      }),
    )
  })

  test('is cut among the given rows alone, and names the spans where a part is empty', () => {
    const day = 86_400_000
    const ten = Float64Array.from({ length: 10 }, (_, i) => (9 - i) * day)
    const rows = Uint32Array.of(1, 5, 3, 7)
    const [{ fit, held }] = timeRounds(ten, { validation: 0.5, gapMs: day, rows })
    expect([...held]).toEqual([1, 3])
    expect([...fit]).toEqual([5, 7])
    expect(() => timeRounds(ten, { validation: 0.2, gapMs: 30 * day })).toThrow(
      '10 rows over 216.0 h leave none to fit on before the latest 20 % and a gap of 720.0 h',
    )
  })
})

test('rows of one group are in one fold, which are of about the same size', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 60, maxLength: 200 }),
      fc.integer({ min: 2, max: 4 }),
      (drawn, folds) => {
        const groups = Float64Array.from([0, 1, 2, 3, 4, ...drawn])
        const labels = new Float32Array(groups.length)
        const rounds = foldRounds(labels, { folds, classes: 0, seed: 1, groups })
        const held = rounds.flatMap((round) => [...round.held]).sort((a, b) => a - b)
        expect(held).toEqual([...groups.keys()])
        for (const { fit, held: own } of rounds) {
          const inside = new Set([...own].map((row) => groups[row]))
          expect([...fit].some((row) => inside.has(groups[row]))).toBe(false)
          expect(own.length).toBeGreaterThan(0)
        }
      },
    ),
  )
  expect(() =>
    foldRounds(new Float32Array(9), {
      folds: 3,
      classes: 0,
      seed: 1,
      groups: Float64Array.from({ length: 9 }, (_, i) => i % 2),
    }),
  ).toThrow(expect.objectContaining({ code: 'ERR_DATASET_EMPTY' }) as Error)
})
