import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildDataset, type Dataset } from '../../src/model/dataset/dataset.ts'
import { planModel, type SamplingDefinition } from '../../src/model/definition.ts'
import { HOUR_MS, makeSource, type MadeEvent } from './made-source.ts'

const END: MadeEvent = { key: 'last', time: 2_000 * HOUR_MS }

const madeEvents = fc
  .array(fc.record({ key: fc.integer({ min: 0, max: 5 }), gap: fc.integer({ min: 0, max: 9 }) }), {
    minLength: 1,
    maxLength: 150,
  })
  .map((parts): MadeEvent[] => {
    let time = 0
    return parts.map(({ key, gap }) => ({ key: `u${key}`, time: (time += gap * HOUR_MS) }))
  })

const sampling: fc.Arbitrary<SamplingDefinition> = fc.oneof(
  fc.record({ at: fc.constant('event' as const), ...commonOf() }),
  fc.record({
    at: fc.constant('session' as const),
    nth: fc.integer({ min: 1, max: 2 }),
    ...commonOf(),
  }),
  fc.record({
    at: fc.constant('day' as const),
    activeWithin: fc.constantFrom('1d', '3d', '30d'),
    ...commonOf(),
  }),
)

function commonOf() {
  return {
    rate: fc.constantFrom(0.3, 1),
    minGap: fc.constantFrom('0s', '6h', '50h'),
    perProfileMax: fc.integer({ min: 1, max: 40 }),
    rowsMax: fc.constantFrom(5, 40, 1_000),
  }
}

/** Null where nothing is left. */
function build(
  events: readonly MadeEvent[],
  of: SamplingDefinition,
  blockRecords: number,
): Promise<Dataset | null> {
  const plan = planModel({ target: { event: 'Order', within: '1h' }, sampling: of })
  const built = buildDataset(makeSource([...events, END], 1, blockRecords), plan, () => undefined)
  return built.catch((error: unknown) => {
    expect(error).toMatchObject({ code: 'ERR_DATASET_EMPTY' })
    return null
  })
}

test('what is sampled keeps to its limits and does not depend on how the journal is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      madeEvents,
      sampling,
      fc.integer({ min: 1, max: 7 }),
      async (events, of, cut) => {
        const dataset = await build(events, of, 1_000)
        expect(await build(events, of, cut)).toEqual(dataset)
        if (dataset === null) return
        const { target: _, sampling: plan } = planModel({
          target: { event: '*', within: '1h' },
          sampling: of,
        })
        expect(dataset.table.count + dataset.censored).toBeLessThanOrEqual(plan.rowsMax)
        const times = new Map<string, number[]>()
        dataset.sequences.forEach((sequence, i) => {
          const { key } = [...events, END][sequence]
          times.set(key, [...(times.get(key) ?? []), dataset.times[i]])
        })
        for (const [key, own] of times) {
          expect(own.length, key).toBeLessThanOrEqual(plan.perProfileMax)
          own.slice(1).forEach((time, i) => {
            expect(time - own[i], key).toBeGreaterThanOrEqual(plan.minGap)
          })
        }
      },
    ),
    { numRuns: 150 },
  )
})

test('what comes later changes nothing that was sampled before', async () => {
  await fc.assert(
    fc.asyncProperty(madeEvents, sampling, fc.nat(), async (events, of, place) => {
      const whole = await build(events, { ...of, rowsMax: 1_000 }, 50)
      const cut = place % events.length
      const start = await build(events.slice(0, cut), { ...of, rowsMax: 1_000 }, 50)
      const before = (dataset: Dataset | null): number[] => {
        const bound = events[cut].time - HOUR_MS
        return dataset === null ? [] : [...dataset.times].filter((time) => time < bound)
      }
      expect(before(start)).toEqual(before(whole))
    }),
    { numRuns: 100 },
  )
})
