import type { Fixture } from './fixture.ts'

/** Windows of latency are as long as the server's checkpoint interval, so that each has one in it. */
export const CHECKPOINT_SECONDS = 30

/** One measured value: how it is called in the JSON, and what is expected of it. */
export interface Figure {
  readonly key: string
  readonly unit: string
  /** `higher` for what should be large. */
  readonly better: 'higher' | 'lower'
  readonly must?: number
  readonly goal?: number
  /** Whether a faster machine changes it; bytes and ratios it does not. */
  readonly scalesWithSpeed: boolean
}

export interface BenchmarkContext {
  /** Profiles in the fixture's server. */
  readonly profiles: number
  /** Length of one measurement. */
  readonly seconds: number
  /** The largest sizes too. */
  readonly full: boolean
  /** A running server with all profiles, shared by the benchmarks of a run. */
  readonly fixture: Fixture
  /** Figures of the benchmarks before. */
  readonly measured: Readonly<Record<string, number | null>>
  /** Tells a person what is going on. */
  readonly say: (text: string) => void
}

export interface Outcome {
  /** By {@link Figure.key}; null where it could not be measured, and then a note says why. */
  readonly results: Readonly<Record<string, number | null>>
  /** Further facts, by the key of the figure that they belong to. */
  readonly notes?: Readonly<Record<string, string>>
}

export interface Benchmark {
  readonly name: string
  readonly figures: readonly Figure[]
  /** The fixture's server has to serve a model. */
  readonly needsModel?: boolean
  run(context: BenchmarkContext): Promise<Outcome>
}

/** Something a second, an event, a call: all that a faster machine improves. */
export function speed(
  key: string,
  unit: string,
  rest: Pick<Figure, 'better' | 'must' | 'goal'>,
): Figure {
  return { key, unit, ...rest, scalesWithSpeed: true }
}

/** Bytes and ratios. */
export function size(
  key: string,
  unit: string,
  rest: Pick<Figure, 'better' | 'must' | 'goal'>,
): Figure {
  return { key, unit, ...rest, scalesWithSpeed: false }
}
