import type { Section } from './protocol.ts'

/** What one row of a section should reach. */
export interface Goal {
  /** Title of the section. */
  readonly section: string
  /** Label of the row of Limn. */
  readonly row: string
  /** One of the section's columns. */
  readonly column: string
  /** A figure, or the label of the row of the section that has it. */
  readonly goal: number | string
  /** Whose figure the goal is. */
  readonly from: string
  /** Told where it is not reached. */
  readonly otherwise?: string
}

/** Of one data set. */
export interface Goals {
  readonly title: string
  readonly sections: readonly Section[]
  readonly goals: readonly Goal[]
}

/** Columns in which less is better. */
const ERRORS = ['MAE', 'RMSE']
const HEADS = ['data set', 'figure', 'goal', 'whose', 'ours', 'row', 'reached']

/**
 * One line for each goal, as a Markdown table. Figures are compared as they are printed.
 * @throws RangeError for a goal that names what there is not
 */
export function renderSummary(all: readonly Goals[]): string {
  const lines = all.flatMap(({ title, sections, goals }) =>
    goals.map((goal) => goalLine(title, sections, goal)),
  )
  return [line(HEADS), line(HEADS.map(() => '---')), ...lines].join('\n')
}

function goalLine(title: string, sections: readonly Section[], goal: Goal): string {
  const section = sections.find((one) => one.title === goal.section)
  if (section === undefined) throw new RangeError(`there is no section "${goal.section}"`)
  const wanted =
    typeof goal.goal === 'number' ? goal.goal : figureOf(section, goal.goal, goal.column)
  const digits = Math.abs(wanted) >= 100 ? 1 : 3
  const [aim, ours] = [wanted, figureOf(section, goal.row, goal.column)].map((figure) =>
    figure.toFixed(digits),
  )
  const isReached = ERRORS.includes(goal.column)
    ? Number(ours) <= Number(aim)
    : Number(ours) >= Number(aim)
  const told = isReached ? 'yes' : ['no', goal.otherwise].filter(Boolean).join(': ')
  const figure = `${goal.section}: ${goal.column}`
  return line([title, figure, aim, goal.from, ours, goal.row, told])
}

/** Of the row of Limn or of a baseline with the label. */
function figureOf({ title, columns, rows }: Section, label: string, column: string): number {
  const row = rows.find((one) => one.label === label && one.origin !== 'published')
  const value = row?.values[columns.indexOf(column)] ?? null
  if (value === null) throw new RangeError(`"${title}" has no ${column} of "${label}"`)
  return value
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
