import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Feature } from '../../profile/feature-vector.ts'
import { LimnError } from '../../protocol/errors.ts'
import { checkFeatureNames, parquetSchema } from './columns.ts'
import { LabelCounter } from './label-balance.ts'
import {
  describeManifest,
  encodeManifest,
  isDataset,
  MANIFEST,
  type DatasetFacts,
  type DatasetFile,
  type DatasetLabel,
  type DatasetManifest,
} from './manifest.ts'
import { ParquetFile } from './parquet-file.ts'
import { RowGroup, type DatasetRow, type TextOf } from './row-group.ts'

/** Values of features in a row group: 16 MiB, and as much again for the rows and what they become. */
const GROUP_VALUES_MAX = 4_194_304
const GROUP_ROWS_MAX = 131_072
/** Row groups of a file, whose footer is in memory until it is complete. */
const FILE_GROUPS_MAX = 512

export interface DatasetOptions {
  /** Where the dataset appears once it is complete. */
  readonly directory: string
  /** Replaces a dataset that is there. */
  readonly overwrite?: boolean
  readonly model: string
  readonly schemaHash: string
  readonly features: readonly Feature[]
  /** In words. */
  readonly target: string
  readonly plan: unknown
  readonly label: DatasetLabel
  /** The text of a category's code; default: the code in decimal. */
  readonly textOf?: TextOf
  /** Rows of a row group and row groups of a file; defaults as memory allows. */
  readonly groupRows?: number
  readonly fileGroups?: number
}

/**
 * Writes a dataset: `rows.parquet` (`rows-2.parquet` and so on where one would be too large) and
 * `manifest.json`, first in a draft directory beside the one asked for, which is renamed when
 * everything is on the disk. If `fill` fails, or the disk is full, the draft is removed and what
 * was there before is untouched. Memory is that of one row group: about 60 MiB.
 * @param fill adds the rows and returns what the replay says of itself
 * @throws LimnError ERR_DATASET_EXISTS, ERR_DATASET_COLUMN, ERR_DATASET_SAVE (retryable), and what
 * `fill` throws
 */
export async function writeDataset(
  options: DatasetOptions,
  fill: (writer: DatasetWriter) => Promise<DatasetFacts>,
): Promise<DatasetManifest> {
  checkFeatureNames(options.features)
  await checkDirectory(options)
  const directory = resolve(options.directory)
  const draft = draftPath(directory)
  let writer: DatasetWriter | null = null
  try {
    await mkdir(draft, { recursive: true })
    writer = new DatasetWriter(draft, options)
    const manifest = writer.finish(await fill(writer))
    await writeDurably(join(draft, MANIFEST), encodeManifest(manifest))
    await checkDirectory(options)
    await replaceDirectory(draft, directory)
    return manifest
  } catch (error) {
    writer?.close()
    await rm(draft, { recursive: true, force: true })
    throw saveError(directory, error)
  }
}

/**
 * Whether a dataset may be written there, before long work.
 * @throws LimnError ERR_DATASET_EXISTS, ERR_DATASET_SAVE
 */
export async function checkDirectory({
  directory,
  overwrite = false,
}: Pick<DatasetOptions, 'directory' | 'overwrite'>): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    if (codeOf(error) === 'ENOTDIR') return [basename(directory)]
    throw saveError(directory, error)
  })
  if (names.length === 0) return
  if (!(await isDataset(directory))) {
    const message = `${directory} has other files than a dataset's; name a new or an empty directory`
    throw new LimnError('ERR_DATASET_EXISTS', message)
  }
  if (overwrite) return
  const message = `${directory} holds a dataset; --overwrite replaces it`
  throw new LimnError('ERR_DATASET_EXISTS', message)
}

/** Takes the rows of {@link writeDataset}; a full row group is written before the next row is kept. */
export class DatasetWriter {
  rows = 0
  private readonly draft: string
  private readonly options: DatasetOptions
  private readonly schema
  private readonly group: RowGroup
  private readonly balance: LabelCounter
  private readonly files: DatasetFile[] = []
  private file: ParquetFile | null = null

  /** @param draft an empty directory */
  constructor(draft: string, options: DatasetOptions) {
    const { features, label, textOf = (_, code) => String(code) } = options
    this.draft = draft
    this.options = options
    this.schema = parquetSchema(features, label)
    const rowsMax = options.groupRows ?? groupRows(features.length)
    this.group = new RowGroup({ schema: this.schema, features, label, textOf, rowsMax })
    this.balance = new LabelCounter(label)
  }

  /** Takes a row. `features` is copied; NaN is a missing value. */
  add(row: DatasetRow, features: Float32Array): void {
    this.balance.add(row.label)
    this.group.add(row, features)
    this.rows++
    if (this.group.full) this.writeGroup()
  }

  finish(facts: DatasetFacts): DatasetManifest {
    if (this.group.count > 0) this.writeGroup()
    if (this.files.length === 0) this.file ??= this.nextFile()
    this.finishFile()
    const { model, schemaHash, features, target, plan, label } = this.options
    return describeManifest({
      model,
      createdAt: new Date().toISOString(),
      schemaHash,
      features: features.map(({ name, kind, step }) => ({ name, kind, step })),
      target,
      plan,
      label,
      ...facts,
      rows: this.rows,
      balance: this.balance.finish(),
      files: this.files,
    })
  }

  close(): void {
    this.file?.close()
  }

  private writeGroup(): void {
    const { group } = this
    const file = (this.file ??= this.nextFile())
    file.writeGroup(group.count, group.pages())
    group.clear()
    if (file.groups >= (this.options.fileGroups ?? FILE_GROUPS_MAX)) this.finishFile()
  }

  private nextFile(): ParquetFile {
    return new ParquetFile(join(this.draft, fileName(this.files.length)), this.schema)
  }

  private finishFile(): void {
    if (this.file === null) return
    this.files.push({ name: fileName(this.files.length), ...this.file.finish() })
    this.file = null
  }
}

function fileName(index: number): string {
  return index === 0 ? 'rows.parquet' : `rows-${index + 1}.parquet`
}

function groupRows(width: number): number {
  return Math.max(1, Math.min(GROUP_ROWS_MAX, Math.floor(GROUP_VALUES_MAX / Math.max(1, width))))
}

function draftPath(directory: string): string {
  return join(dirname(directory), `.${basename(directory)}.draft-${randomUUID()}`)
}

/** What was there is moved aside, and back if the new one cannot take its place. */
async function replaceDirectory(draft: string, directory: string): Promise<void> {
  try {
    return await rename(draft, directory)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error
  }
  const aside = draftPath(directory)
  await rename(directory, aside)
  try {
    await rename(draft, directory)
  } catch (error) {
    await rename(aside, directory)
    throw error
  }
  await rm(aside, { recursive: true, force: true })
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await writeFile(file, text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Failures of the file system become ERR_DATASET_SAVE; others are as they were. */
function saveError(directory: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error
  const message = `the dataset ${directory} was not saved: ${error.message}`
  return new LimnError('ERR_DATASET_SAVE', message, { cause: error, retryable: true })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
