import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import type { Command } from 'commander'
import type { Engine } from '../engine.ts'
import { LimnError } from '../protocol/errors.ts'
import type { IngestReply } from '../protocol/shards.ts'
import { command, loadSettings, print, printJson, withEngine } from './context.ts'
import type { CommonOptions } from './context.ts'
import { openImport } from './import-source.ts'
import type { ImportItem, ImportSource } from './import-source.ts'
import { Progress, format } from './progress.ts'

const BATCH_EVENTS = 500
const BATCH_BYTES = 400_000
/** Bodies in flight: enough to keep decoding, folding and committing busy at once. */
const IN_FLIGHT_MAX = 16

interface ImportOptions extends CommonOptions {
  readonly map?: string
  readonly rejects?: string
}

interface FailedFile {
  readonly file: string
  readonly code: string
  readonly message: string
  /** Of this file, sent before it failed. */
  readonly events: number
}

interface Totals {
  /** Read to the end. */
  files: number
  rows: number
  events: number
  accepted: number
  duplicates: number
  rejected: number
  skipped: number
  readonly reasons: Record<string, number>
  readonly failed: FailedFile[]
}

export function importCommand(): Command {
  return command('import', 'history from NDJSON (Segment messages) or CSV, plain or gzip', true)
    .argument('<file...>')
    .option('-m, --map <yaml>', 'how columns become events; needed for CSV')
    .option('--rejects <file>', 'write what was rejected, with reasons (NDJSON)')
    .action(importFiles)
}

async function importFiles(files: string[], options: ImportOptions): Promise<void> {
  const settings = loadSettings(options)
  const rejects = options.rejects === undefined ? null : createWriteStream(options.rejects)
  const totals: Totals = {
    files: 0,
    rows: 0,
    events: 0,
    accepted: 0,
    duplicates: 0,
    rejected: 0,
    skipped: 0,
    reasons: {},
    failed: [],
  }
  const started = performance.now()
  await withEngine(settings, async (engine) => {
    const sources = await Promise.all(files.map((file) => openImport(file, options.map)))
    for (const source of sources) {
      await new Importer(engine, totals, rejects).run(source)
    }
    await engine.shards.checkpoint()
  })
  if (rejects !== null) await new Promise((resolve) => rejects.end(resolve))
  if (totals.failed.length > 0) process.exitCode = 1
  report(totals, (performance.now() - started) / 1000, options)
}

/** Streams one file into the shards, in order, with a bounded number of bodies in flight. */
class Importer {
  private readonly engine: Engine
  private readonly totals: Totals
  private readonly rejects: WriteStream | null
  private batch: string[] = []
  private batchBytes = 0
  private readonly inFlight = new Set<Promise<void>>()
  private failure: LimnError | null = null

  constructor(engine: Engine, totals: Totals, rejects: WriteStream | null) {
    this.engine = engine
    this.totals = totals
    this.rejects = rejects
  }

  /** Throws where the shards fail; a file that fails is noted in the totals. */
  async run(source: ImportSource): Promise<void> {
    const before = this.totals.events
    const progress = new Progress(`import ${source.name}`, 'events')
    const fault = await this.readAll(source, progress, before).then(
      () => source.damage(),
      faultOfFile,
    )
    await this.flush()
    await Promise.all(this.inFlight)
    if (this.failure !== null) throw this.failure
    this.totals.rows += source.rowsRead()
    this.totals.skipped += source.rowsSkipped()
    const events = this.totals.events - before
    progress.finish(events)
    if (fault === null) this.totals.files++
    else {
      const { code, message } = fault
      this.totals.failed.push({ file: source.name, code, message, events })
    }
  }

  private async readAll(source: ImportSource, progress: Progress, before: number): Promise<void> {
    for await (const item of source.items) {
      this.take(item)
      if (this.batch.length < BATCH_EVENTS && this.batchBytes < BATCH_BYTES) continue
      await this.flush()
      const fraction = source.bytesTotal > 0 ? source.bytesRead() / source.bytesTotal : 0
      const done = this.totals.events - before
      progress.update(done, fraction > 0 ? Math.round(done / fraction) : 0)
    }
  }

  private take(item: ImportItem): void {
    if ('reject' in item) return this.reject(item.reject.code, item.reject.reason, item.reject)
    const text = JSON.stringify(item.message)
    this.totals.events++
    this.batch.push(text)
    this.batchBytes += text.length
  }

  private reject(code: string, reason: string, original: unknown): void {
    this.totals.rejected++
    this.totals.reasons[code] = (this.totals.reasons[code] ?? 0) + 1
    this.rejects?.write(`${JSON.stringify({ code, reason, original })}\n`)
  }

  private async flush(): Promise<void> {
    if (this.failure !== null) throw this.failure
    if (this.batch.length === 0) return
    const items = this.batch
    this.batch = []
    this.batchBytes = 0
    while (this.inFlight.size >= IN_FLIGHT_MAX) await Promise.race(this.inFlight)
    const sending = this.send(items).finally(() => this.inFlight.delete(sending))
    this.inFlight.add(sending)
  }

  private async send(items: readonly string[]): Promise<void> {
    const encoded = new TextEncoder().encode(`{"batch":[${items.join(',')}]}`)
    const reply = await this.engine.shards.ingest({
      route: 'import',
      body: new Uint8Array(encoded),
      receivedAt: this.engine.clock.now(),
      predict: [],
      userAgent: '',
      lane: 0,
    })
    this.account(reply, items)
  }

  private account(reply: IngestReply, items: readonly string[]): void {
    if (reply.error !== null) {
      this.failure ??= new LimnError(reply.error.code, reply.error.message)
      return
    }
    this.totals.accepted += reply.accepted
    this.totals.duplicates += reply.duplicates
    for (const { index, code, reason } of reply.rejected) {
      this.reject(code, reason, JSON.parse(items[index]))
    }
  }
}

const FILE_FAULTS = new Set(['ERR_IMPORT_HEADER', 'ERR_IMPORT_FILE'])

/** A fault of one file, after which the others are still imported; anything else is thrown. */
function faultOfFile(error: unknown): LimnError {
  if (error instanceof LimnError && FILE_FAULTS.has(error.code)) return error
  throw error
}

function report(totals: Totals, seconds: number, options: ImportOptions): void {
  const eventsPerSecond = Math.round(totals.events / seconds)
  if (options.json === true) return printJson({ ...totals, seconds, eventsPerSecond })
  print(
    `${totals.files} files, ${format(totals.rows)} rows, ${format(totals.events)} events in ${seconds.toFixed(1)} s (${format(eventsPerSecond)}/s)`,
  )
  print(
    `accepted ${format(totals.accepted)} (${format(totals.duplicates)} duplicates), rejected ${format(totals.rejected)}, rows skipped by the map ${format(totals.skipped)}`,
  )
  for (const [code, count] of Object.entries(totals.reasons)) print(`  ${code}: ${format(count)}`)
  for (const { code, message, events } of totals.failed) {
    print(`FAILED ${code}: ${message}; ${format(events)} events before it are imported`)
  }
  if (totals.rejected > 0 && options.rejects === undefined) {
    print(
      'give --rejects <file> to see them with reasons; they are also in `limn deadletters list`',
    )
  }
}
