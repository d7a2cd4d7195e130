/** How often a simulation came by each thing it is meant to reach. */
export class Coverage {
  readonly counts = new Map<string, number>()

  reach(name: string, times = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + times)
  }

  merge(counts: Iterable<readonly [string, number]>): void {
    for (const [name, times] of counts) this.reach(name, times)
  }

  /** Names of what must be reached and was not. */
  missing(): string[] {
    return REQUIRED.filter((name) => (this.counts.get(name) ?? 0) === 0)
  }

  /** A line each, what is required first. */
  report(): string {
    const others = [...this.counts.keys()].filter((name) => !REQUIRED.includes(name)).sort()
    const width = Math.max(...[...REQUIRED, ...others].map((name) => name.length))
    const line = (name: string): string =>
      `  ${name.padEnd(width)} ${String(this.counts.get(name) ?? 0).padStart(10)}`
    return [...REQUIRED, ...others].map(line).join('\n')
  }
}

/** The states that a join between two shards goes through, in order. */
export const JOIN_STATES = [
  'forward journalled, not durable',
  'forward durable, not sent',
  'sent, not journalled by the target',
  'journalled by the target, not answered',
  'answered, not confirmed',
  'confirmed',
] as const
export type JoinState = (typeof JOIN_STATES)[number]

export const OPERATIONS = [
  'track',
  'identify',
  'alias',
  'alias of a device',
  'retry',
  'repeat',
  'import',
  'late',
  'flood',
  'undo',
  'look-up',
  'time travel',
  'events',
  'checkpoint',
  'thread crash',
  'process crash',
  'stop',
  'clock jump',
  'failed commit',
] as const
export type Operation = (typeof OPERATIONS)[number]

export const FAULTS = [
  'slow commit',
  'failed commit',
  'commit lost by a crash',
  'commit kept through a crash',
  'message lost by a crash',
  'crash at a call of store',
  'crash at a call of port',
  'crash at a call of clock',
] as const

export const RACES = [
  'opposite aliases in flight',
  'identify while a join of its id is in flight',
  'retry while the original is in flight',
  'checkpoint while a join is pending',
  'crash during a checkpoint',
  'crash during recovery',
] as const

const CRASHES = ['no crash', 'thread crash', 'process crash'] as const
export type CrashKind = (typeof CRASHES)[number]

export function joinCoverage(state: JoinState, crash: CrashKind): string {
  return `join ${state} × ${crash}`
}

const REQUIRED: readonly string[] = [
  ...OPERATIONS.map((name) => `operation ${name}`),
  ...JOIN_STATES.flatMap((state) => CRASHES.map((crash) => joinCoverage(state, crash))),
  ...FAULTS.map((name) => `fault ${name}`),
  ...RACES.map((name) => `race ${name}`),
]
