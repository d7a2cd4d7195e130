import { LimnError } from '../../protocol/errors.ts'
import type { ColumnKind, TableColumn } from '../table/schema.ts'
import { NO_COLUMN } from './sequence-plan.ts'

/** What each step of a trait has one of: its event, its seconds, its value. */
export interface StepPart {
  /** The trait and the part. */
  readonly title: string
  readonly part: string
  readonly kind: ColumnKind
  /** By step, the column of the table, or {@link NO_COLUMN}. */
  readonly columns: readonly number[]
}

/**
 * The columns that are parts of a step, `<trait>.<step>.<part>`, by trait and part. There are as many
 * steps as the longest trait has; others end at the same, the latest.
 * @throws LimnError ERR_LEARNER_INPUT where there is none, or a step is none of its sequence
 */
export function stepParts(columns: readonly TableColumn[]): {
  readonly steps: number
  readonly parts: readonly StepPart[]
} {
  const steps = Math.max(0, ...columns.map(({ step }) => step?.of ?? 0))
  if (steps === 0) {
    throw refused('a sequence learner needs a "recent" trait; no column is a step of a sequence')
  }
  const parts = new Map<
    string,
    { title: string; part: string; kind: ColumnKind; columns: number[] }
  >()
  columns.forEach(({ name, kind, step }, column) => {
    if (step === undefined) return
    const { trait, at, of } = step
    if (!Number.isInteger(at) || at < 0 || at >= of) {
      throw refused(`the column "${name}" is step ${at}; allowed: 0 to ${of - 1}`)
    }
    const part = partOf(name, trait)
    const title = `${trait}.${part}`
    const known = parts.get(`${kind} ${title}`)
    const none = Array.from({ length: steps }, () => NO_COLUMN)
    const found = known ?? { title, part, kind, columns: none }
    found.columns[steps - of + at] = column
    parts.set(`${kind} ${title}`, found)
  })
  return { steps, parts: [...parts.values()] }
}

/** Of `<trait>.<step>.<part>` the last. */
function partOf(name: string, trait: string): string {
  const rest = name.slice(trait.length + 1)
  return rest.slice(rest.indexOf('.') + 1)
}

function refused(message: string): LimnError {
  return new LimnError('ERR_LEARNER_INPUT', message)
}
