import { NOT_KEPT, type PreparationPlan } from './plan.ts'

/** The plan with these inputs only; steps that would write none are gone. */
export function keepInputs(plan: PreparationPlan, kept: ReadonlySet<string>): PreparationPlan {
  let next = 0
  const places = plan.inputs.map((name) => (kept.has(name) ? next++ : NOT_KEPT))
  const move = (input: number): number => (input === NOT_KEPT ? NOT_KEPT : places[input])
  const both = ([a, b]: readonly [number, number]): readonly [number, number] => [move(a), move(b)]
  const writes = (inputs: readonly number[]): boolean => inputs.some((input) => input !== NOT_KEPT)
  const withSlots = <T extends { readonly slots: Int32Array }>(step: T): T => {
    return { ...step, slots: step.slots.map(move) }
  }
  return {
    ...plan,
    inputs: plan.inputs.filter((name) => kept.has(name)),
    numbers: plan.numbers
      .map((step) => ({ ...step, input: move(step.input), missing: move(step.missing) }))
      .filter(({ input, missing }) => writes([input, missing])),
    times: plan.times
      .map((step) => ({ ...step, hour: both(step.hour), weekday: both(step.weekday) }))
      .filter(({ hour, weekday }) => writes([...hour, ...weekday])),
    categories: plan.categories
      .map((step) => ({ ...withSlots(step), missing: move(step.missing) }))
      .filter(({ slots, missing }) => missing !== NOT_KEPT || slots.some((slot) => slot >= 0)),
    pairs: plan.pairs.map(withSlots).filter(({ slots }) => slots.some((slot) => slot >= 0)),
    products: plan.products.map(withSlots).filter(({ slots }) => slots.some((slot) => slot >= 0)),
  }
}
