import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Benchmark, Figure } from './benchmark.ts'
import { hasRealTimePriority } from './load/priority.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly node: string
  readonly version: string
  /** Null outside of a git checkout. */
  readonly commit: string | null
  readonly profiles: number
  /** Whether the load generator ran before the server's threads. */
  readonly generatorRealTime: boolean
}

export interface Report {
  readonly machine: Machine
  readonly results: Readonly<Record<string, number | null>>
  readonly notes: Readonly<Record<string, string>>
  /** ms of the reference loop around each benchmark, by the benchmark's name. */
  readonly reference: Readonly<Record<string, number>>
}

export function describeMachine(root: string, profiles: number): Machine {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string
  }
  return {
    cpu: cpus()[0].model,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    version,
    commit: commitOf(root),
    profiles,
    generatorRealTime: hasRealTimePriority(),
  }
}

/** Every figure with its budget beside it, then the notes. */
export function table(benchmarks: readonly Benchmark[], { results, notes }: Report): string {
  const rows = [['figure', 'measured', 'must', 'goal', 'reached']]
  for (const figure of benchmarks.flatMap((benchmark) => benchmark.figures)) {
    const value = results[figure.key]
    if (value !== undefined) rows.push(row(figure, value))
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)))
  const lines = rows.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  '),
  )
  const remarks = Object.entries(notes).map(([key, note]) => `${key}: ${note}`)
  return [...lines, '', ...remarks, ''].join('\n')
}

function row(figure: Figure, value: number | null): string[] {
  const shown = (amount: number | undefined): string =>
    amount === undefined ? '' : `${rounded(amount)} ${figure.unit}`
  const measured = value === null ? 'not run' : shown(value)
  return [figure.key, measured, shown(figure.must), shown(figure.goal), reached(figure, value)]
}

function reached({ must, goal, better }: Figure, value: number | null): string {
  if (value === null) return ''
  const within = (budget: number): boolean =>
    better === 'higher' ? value >= budget : value <= budget
  if (goal !== undefined && within(goal)) return 'goal'
  if (must !== undefined) return within(must) ? 'must' : 'no'
  return goal === undefined ? '' : 'no'
}

function rounded(amount: number): string {
  if (amount >= 1000) return Math.round(amount).toLocaleString('en')
  return String(Number(amount.toPrecision(3)))
}

function commitOf(root: string): string | null {
  const git = spawnSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' })
  return git.status === 0 ? git.stdout.trim() : null
}
