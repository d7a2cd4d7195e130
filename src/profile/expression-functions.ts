import type { Value } from './expression-syntax.ts'

export type ValueType = 'number' | 'string' | 'boolean' | 'null' | 'any'

export interface ExpressionFunction {
  readonly argumentsMin: number
  readonly argumentsMax: number
  readonly argument: ValueType
  readonly result: ValueType
  readonly description: string
  /** Builds the evaluation; null where any argument is null unless the function says otherwise. */
  build(args: readonly (() => Value)[]): () => Value
}

/** Every function of the language except `tag`, which the resolver supplies. */
export const EXPRESSION_FUNCTIONS: ReadonlyMap<string, ExpressionFunction> = new Map<
  string,
  ExpressionFunction
>([
  ['min', many('smallest of its arguments', (a, b) => (b < a ? b : a))],
  ['max', many('largest of its arguments', (a, b) => (b > a ? b : a))],
  ['abs', one('absolute value', Math.abs)],
  ['round', one('nearest integer, halves upwards', Math.round)],
  ['floor', one('largest integer not above it', Math.floor)],
  ['log1p', one('natural logarithm of 1 + x', Math.log1p)],
  ['hour', one('hour of day 0–23 (UTC) of an instant in ms', hourOf)],
  ['weekday', one('day of week 0 (Sunday)–6 (UTC) of an instant in ms', weekdayOf)],
  [
    'band',
    {
      argumentsMin: 2,
      argumentsMax: 33,
      argument: 'number',
      result: 'number',
      description: 'band(x, a, b, …): how many of the ascending constants are ≤ x',
      build: bandOf,
    },
  ],
  [
    'coalesce',
    {
      argumentsMin: 2,
      argumentsMax: 8,
      argument: 'any',
      result: 'any',
      description: 'its first argument that is not null',
      build: (args) => () => {
        for (const arg of args) {
          const value = arg()
          if (value !== null) return value
        }
        return null
      },
    },
  ],
  [
    'contains',
    {
      argumentsMin: 2,
      argumentsMax: 2,
      argument: 'string',
      result: 'boolean',
      description: "contains(text, 'part'): whether the text has the part in it",
      build:
        ([text, part]) =>
        () => {
          const whole = text()
          const wanted = part()
          if (typeof whole !== 'string' || typeof wanted !== 'string') return false
          return whole.includes(wanted)
        },
    },
  ],
  [
    'starts_with',
    {
      argumentsMin: 2,
      argumentsMax: 2,
      argument: 'string',
      result: 'boolean',
      description: "starts_with(text, 'prefix'): whether the text begins with the prefix",
      build:
        ([text, prefix]) =>
        () => {
          const whole = text()
          const wanted = prefix()
          if (typeof whole !== 'string' || typeof wanted !== 'string') return false
          return whole.startsWith(wanted)
        },
    },
  ],
])

/** The value, or null where it is no finite number. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

function one(description: string, apply: (x: number) => number): ExpressionFunction {
  return {
    argumentsMin: 1,
    argumentsMax: 1,
    argument: 'number',
    result: 'number',
    description,
    build:
      ([arg]) =>
      () => {
        const x = arg()
        return typeof x === 'number' ? finite(apply(x)) : null
      },
  }
}

function many(description: string, pick: (a: number, b: number) => number): ExpressionFunction {
  return {
    argumentsMin: 2,
    argumentsMax: 8,
    argument: 'number',
    result: 'number',
    description,
    build: (args) => () => {
      let best: number | null = null
      for (const arg of args) {
        const x = arg()
        if (typeof x !== 'number') return null
        best = best === null ? x : pick(best, x)
      }
      return best
    },
  }
}

function bandOf(args: readonly (() => Value)[]): () => Value {
  const [subject, ...rest] = args
  const bounds = rest.map((bound) => Number(bound()))
  return () => {
    const x = subject()
    if (typeof x !== 'number') return null
    let index = 0
    while (index < bounds.length && bounds[index] <= x) index++
    return index
  }
}

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** 1970-01-01 was a Thursday. */
const EPOCH_WEEKDAY = 4

function hourOf(instant: number): number {
  return modulo(Math.floor(instant / HOUR_MS), 24)
}

function weekdayOf(instant: number): number {
  return modulo(Math.floor(instant / DAY_MS) + EPOCH_WEEKDAY, 7)
}

function modulo(value: number, base: number): number {
  return ((value % base) + base) % base
}
