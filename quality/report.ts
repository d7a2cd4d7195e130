import { renderSummary } from './goals.ts'
import type { Goals } from './goals.ts'
import type { ResultRow, Section } from './protocol.ts'

export interface ProtocolReport extends Goals {
  readonly name: string
  readonly description: string
}

const INTRODUCTION = `# Quality

How good the models are on public data, beside published figures and plain baselines. Reproduced by

\`\`\`
npm run quality -- --data <directory with one folder a data set> --write docs/quality.md
\`\`\`

\`published\` was read in its source; \`baseline\` is a plain method, computed by this harness or, where the row says so, with scikit-learn or XGBoost on the full set; \`limn\` is a learner of this project with its default settings, and \`limn train\` chooses learner and settings within the training rows, as the command does: no setting and no combination was chosen on the figures shown, and where a protocol chooses otherwise, its note says on which rows. ROC AUC: ties count half. PR AUC: average precision. ECE: calibration error over ten bins. Seconds are those of fitting, all folds or cuts together, on a machine with two cores that others used at the same time, so that they compare only roughly. Splits and fits are seeded: the figures repeat.
`

const SUMMARY =
  'Goals are published figures or the best plain baseline, compared in the digits shown. Where the goal is of the full set, ours is of the part at hand.'

/** The whole document. */
export function renderDocument(reports: readonly ProtocolReport[]): string {
  const summary = `## Summary\n\n${SUMMARY}\n\n${renderSummary(reports)}\n`
  return `${INTRODUCTION}\n${summary}\n${reports.map(renderReport).join('\n')}`
}

/** One data set: its sections as Markdown tables. */
export function renderReport({ title, description, sections }: ProtocolReport): string {
  return [`## ${title}`, description, ...sections.map(renderSection)].join('\n\n') + '\n'
}

function renderSection({ title, columns, rows, notes, decimals }: Section): string {
  const timed = rows.some((row) => row.seconds !== undefined)
  const heads = ['model', 'from', ...columns, ...(timed ? ['seconds'] : [])]
  const lines = rows.map((row) => {
    const seconds = timed ? [row.seconds === undefined ? '' : row.seconds.toFixed(1)] : []
    return line([row.label, row.origin, ...figures(row, columns.length, decimals), ...seconds])
  })
  const rule = line(heads.map((_, i) => (i < 2 ? '---' : '---:')))
  const table = [line(heads), rule, ...lines].join('\n')
  return [`### ${title}`, table, ...notes].join('\n\n')
}

function figures({ values }: ResultRow, columns: number, decimals?: readonly number[]): string[] {
  return Array.from({ length: columns }, (_, i) => {
    const value = values[i] ?? null
    return value === null || Number.isNaN(value) ? '' : formatFigure(value, decimals?.[i])
  })
}

function formatFigure(value: number, decimals?: number): string {
  if (decimals !== undefined) return value.toFixed(decimals)
  if (Math.abs(value) >= 100) return value.toFixed(1)
  return value.toFixed(Math.abs(value) >= 10 ? 2 : 3)
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
