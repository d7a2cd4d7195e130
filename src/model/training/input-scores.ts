import { measure } from '../evaluation/bootstrap.ts'
import { MAIN_METRIC, sampleOf, type EvaluatedTask } from '../evaluation/outcome.ts'
import type { Examples } from '../learners/learner.ts'
import { permutationImportance } from '../evaluation/permutation-importance.ts'
import { fitInputPreparation } from '../preparation/fit-preparation.ts'
import { Random } from '../random.ts'
import { anovaF, correlationF, mutualInformation } from '../selection.ts'
import type { DataTable } from '../table/read-table.ts'
import type { TableColumn } from '../table/schema.ts'
import { outcomeOf } from './outcome-of.ts'
import { takeLabelled } from './fit-pipeline.ts'

/** What a column is worth to the model: the fall of the main metric when its values are shuffled. */
export interface ColumnImportance {
  readonly name: string
  readonly value: number
  /** Between shuffles. */
  readonly deviation: number
}

/** What an input says of the label by itself. */
export interface InputScore {
  readonly name: string
  /** F of an analysis of variance between classes, or of a regression on values. */
  readonly f: number | null
  /** Mutual information with the label, nats. */
  readonly information: number
}

const IMPORTANCE_ROWS_MAX = 2_000
const REPEATS = 3
const SCORED_ROWS_MAX = 20_000

export interface ImportanceRequest {
  readonly task: EvaluatedTask
  readonly rows: Uint32Array
  readonly predict: (rows: Float32Array, count: number, out: Float32Array) => void
  readonly outputs: number
  readonly seed: number
  readonly signal?: AbortSignal
}

/** Of the columns, the most important first; parts of one sequence are shuffled together. */
export async function columnImportance(
  table: DataTable,
  request: ImportanceRequest,
): Promise<ColumnImportance[]> {
  const { task, predict, outputs, seed, signal } = request
  const rows = drawn(request.rows, IMPORTANCE_ROWS_MAX, seed)
  const taken = takeLabelled(table, rows)
  const { name: metric, higherIsBetter } = MAIN_METRIC[task]
  const score = (answers: Float32Array): number => {
    const outcome = outcomeOf(table, rows, { outputs: answers, task, threshold: null })
    const value = measure(sampleOf(outcome))[metric] ?? 0
    return higherIsBetter ? value : -value
  }
  const groups = [...groupsOf(table.columns)]
  const { mean, deviation } = await permutationImportance({ predict, outputs }, taken, {
    score,
    seed,
    signal,
    repeats: REPEATS,
    groups: groups.map(([, columns]) => columns),
  })
  const named = groups.map(([name], i) => ({ name, value: mean[i], deviation: deviation[i] }))
  return named.filter(({ value }) => !Number.isNaN(value)).sort((a, b) => b.value - a.value)
}

/** Of the inputs that the columns become, those that say most first. */
export function inputScores(table: DataTable, rows: Uint32Array, seed: number): InputScore[] {
  const taken = takeLabelled(table, drawn(rows, SCORED_ROWS_MAX, seed))
  const preparation = fitInputPreparation(taken, table.columns, { form: 'raw' })
  const inputs = new Float32Array(taken.count * preparation.width)
  preparation.prepare(taken.rows, taken.count, inputs)
  const examples: Examples = {
    task: table.task ?? 'regression',
    names: preparation.names,
    width: preparation.width,
    steps: 1,
    count: taken.count,
    rows: inputs,
    labels: taken.labels,
    classes: table.classes,
    weights: null,
  }
  const f = table.classes > 0 ? anovaF(examples) : correlationF(examples)
  const information = mutualInformation(examples)
  return preparation.names
    .map((name, i) => ({
      name,
      f: Number.isFinite(f[i]) ? f[i] : null,
      information: information[i],
    }))
    .sort((a, b) => b.information - a.information)
}

/** A seeded draw without replacement; all rows where there are few. */
function drawn(rows: Uint32Array, most: number, seed: number): Uint32Array {
  if (rows.length <= most) return rows
  const shuffled = rows.slice()
  new Random(seed).shuffle(shuffled)
  return shuffled.slice(0, most)
}

function groupsOf(columns: readonly TableColumn[]): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  columns.forEach(({ name, step }, column) => {
    const key = step?.trait ?? name
    groups.set(key, [...(groups.get(key) ?? []), column])
  })
  return groups
}
