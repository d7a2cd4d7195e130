import type {
  CategorySummary,
  DatasetDescription,
  NumberSummary,
} from '../model/dataset-files/describe-dataset.ts'
import type { DatasetManifest } from '../model/dataset-files/manifest.ts'
import type { TableDescription } from '../model/table/describe-table.ts'
import { format } from './progress.ts'

/** Characters of a text that are shown. */
const TEXT_MAX = 32

/** A dataset for a person: what it is, and a line for each column. */
export function datasetText(path: string, { manifest, columns }: DatasetDescription): string {
  const { model, createdAt, schemaHash, positions, target } = manifest
  const shards = positions.map(({ shard, next }) => `${shard}:${next}`).join(' ')
  return [
    `${path}: dataset of model ${model}, made at ${createdAt}`,
    `target    ${target}`,
    ...factLines(manifest),
    `features  ${columns.length}, schema ${schemaHash}`,
    `positions ${shards === '' ? 'none' : shards}`,
    'checksums right',
    '',
    ...aligned(columns.map((column) => [column.name, column.kind, ...columnCells(column)])),
  ].join('\n')
}

/** What a build has made, for a person. */
export function builtText(path: string, manifest: DatasetManifest): string {
  return [
    `${path}: ${format(manifest.rows)} rows of ${manifest.features.length} features for ${manifest.model}`,
    `target    ${manifest.target}`,
    ...factLines(manifest),
  ].join('\n')
}

/** A CSV file for a person: what training would take each column for. */
export function tableText(path: string, { rows, columns }: TableDescription): string {
  const lines = columns.map(({ name, kind, leftOut: why, missing, categories, top }) => [
    name,
    kind ?? `left out (${why})`,
    share('missing', missing),
    categories === null ? '' : `${format(categories)} categories: ${topText(top)}`,
  ])
  return [`${path}: ${format(rows)} rows`, '', ...aligned(lines)].join('\n')
}

function factLines(manifest: DatasetManifest): string[] {
  const { rows, records, files } = manifest
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return [
    `rows      ${format(rows)} of ${format(records)} records; ${leftOut(manifest)}`,
    `span      ${span(manifest)}`,
    `labels    ${labels(manifest)}`,
    `files     ${files.length}, ${(bytes / 1e6).toFixed(1)} MB`,
  ]
}

function leftOut({ censored, unlabelled, excluded, late }: DatasetManifest): string {
  return `left out: ${format(censored)} whose time to come is not over, ${format(unlabelled)} without a label, ${format(excluded)} excluded, ${format(late)} late`
}

function span({ from, to }: DatasetManifest): string {
  if (from === null || to === null) return 'no events'
  return `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`
}

function labels({ balance, rows, label }: DatasetManifest): string {
  if ('classes' in balance) {
    const parts = Object.entries(balance.classes).map(
      ([name, count]) => `${short(name)} ${format(count)} (${percent(count / Math.max(1, rows))})`,
    )
    return `${label.task}: ${parts.join(', ')}`
  }
  const { values } = balance
  if (values === null) return `${label.task}: none`
  const { mean, min, max, zeros, quantiles } = values
  const median = quantiles['0.5']
  return `${label.task}: mean ${number(mean)}, median ${number(median)}, ${number(min)} to ${number(max)}, ${percent(zeros / rows)} zero`
}

function columnCells(column: NumberSummary | CategorySummary): string[] {
  const missing = share('missing', column.missing)
  if (column.missing === 1) return [missing, 'empty']
  const constant = column.constant ? 'constant, ' : ''
  if (column.kind === 'category') {
    const { categories, more, top } = column
    return [
      missing,
      `${constant}${more ? 'more than ' : ''}${format(categories)} categories: ${topText(top)}`,
    ]
  }
  const { mean, deviation, min, max, infinite } = column
  const spread = `mean ${number(mean)} ± ${number(deviation)}, ${number(min)} to ${number(max)}`
  return [missing, `${constant}${spread}${infinite > 0 ? `, ${format(infinite)} infinite` : ''}`]
}

function topText(top: readonly { readonly text: string; readonly rows: number }[]): string {
  return top.map(({ text, rows }) => `${short(text)} ${format(rows)}`).join(', ')
}

function short(text: string): string {
  const plain = JSON.stringify(text.slice(0, TEXT_MAX)).slice(1, -1)
  return text.length > TEXT_MAX ? `${plain}…` : plain === '' ? '""' : plain
}

function number(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(4)))
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`
}

function share(what: string, part: number): string {
  return part === 0 ? '' : `${percent(part)} ${what}`
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1, 2].map((i) => Math.max(0, ...rows.map((cells) => cells[i]?.length ?? 0)))
  return rows.map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
