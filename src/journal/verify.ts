import { dirname } from 'node:path'
import { RecordCursor } from '../event/record-cursor.ts'
import { LimnError, toErrorValue } from '../protocol/errors.ts'
import { decodeBlock } from './block.ts'
import { readCheckpointMeta, unseal } from './checkpoint.ts'
import { deadLetterOf } from './dead-letters.ts'
import { openEnvironment } from './environment.ts'
import type { Environment } from './environment.ts'
import { readManifest } from './manifest.ts'
import { checkShardMeta } from './shard-meta.ts'

export interface Finding {
  readonly shard: number
  readonly kind: string
  readonly message: string
  /** What can be done. */
  readonly remedy: string
}

export interface Verification {
  blocks: number
  records: number
  checkpointPages: number
  readonly findings: Finding[]
}

const RESTORE =
  'restore the shard from a backup, or move its directory away and run "limn check --start-empty <shard>" to go on without its events'
const LOST_LETTER = 'no accepted event is concerned; the letter goes with age (deadLetters.max)'
const REBUILD = 'run "limn check --repair": the checkpoint is dropped and rebuilt from the journal'
const REBUILD_PART =
  'restore the shard from a backup; "limn check --repair" drops the checkpoint, which is then rebuilt from what journal.retentionDays has left'

/** Reads everything a shard has on disk and checks it; changes nothing. */
export function verifyShard(path: string, shard: number): Verification {
  const environment = openEnvironment(path, { readOnly: true, checkValues: true })
  const result: Verification = { blocks: 0, records: 0, checkpointPages: 0, findings: [] }
  let expected: number | null = null
  let rebuild = REBUILD
  for (const { key, value } of environment.journal.getRange()) {
    if (result.blocks === 0 && key > 0) rebuild = REBUILD_PART
    result.blocks++
    const note = (message: string): number =>
      result.findings.push({
        shard,
        kind: 'journal',
        message: `block ${key}: ${message}`,
        remedy: RESTORE,
      })
    if (expected !== null && key !== expected) note(`records ${expected} to ${key - 1} are missing`)
    try {
      const block = decodeBlock(value, `shard ${shard}, journal block ${key}`)
      if (block.firstSequence !== key) note(`says it begins at ${block.firstSequence}`)
      checkRecords(block, note)
      result.records += block.count
      expected = key + block.count
    } catch (error) {
      if (!(error instanceof LimnError)) throw error
      note(toErrorValue(error).message)
      expected = null
    }
  }
  for (const [table, what] of [
    [environment.pages, 'page'],
    [environment.dictionary, 'dictionary'],
  ] as const) {
    for (const { key, value } of table.getRange()) {
      if (table === environment.pages) result.checkpointPages++
      if (unseal(value) !== null) continue
      const message = `${what} ${key}: checksum does not match`
      result.findings.push({ shard, kind: 'checkpoint', message, remedy: rebuild })
    }
  }
  const note = (kind: string, remedy: string, check: () => unknown): void => {
    const message = faultOf(check)
    if (message !== null) result.findings.push({ shard, kind, message, remedy })
  }
  note('checkpoint', rebuild, () => readCheckpointMeta(environment, shard))
  note('identity', RESTORE, () => checkIdentity(environment, path, shard))
  for (const { key, value } of environment.deadLetters.getRange()) {
    note('deadletter', LOST_LETTER, () => deadLetterOf(value, `shard ${shard}, dead letter ${key}`))
  }
  void environment.root.close()
  return result
}

/** A shard that lies in a data directory is that directory's. */
function checkIdentity(environment: Environment, path: string, shard: number): void {
  const manifest = readManifest(dirname(path))
  if (manifest === null) return
  checkShardMeta(environment, { path, shard, shardCount: manifest.shardCount }, { readOnly: true })
}

function faultOf(check: () => unknown): string | null {
  try {
    check()
    return null
  } catch (error) {
    if (!(error instanceof LimnError)) throw error
    return toErrorValue(error).message
  }
}

/** Drops a shard's checkpoint; the next start folds the whole journal. */
export async function dropCheckpoint(path: string): Promise<void> {
  const { meta, pages, dictionary, root } = openEnvironment(path, { readOnly: false })
  await meta.remove('checkpoint')
  await Promise.all([pages.clearAsync(), dictionary.clearAsync()])
  await root.close()
}

function checkRecords(
  block: ReturnType<typeof decodeBlock>,
  note: (message: string) => void,
): void {
  const cursor = new RecordCursor().over(block.bytes)
  for (let i = 0; i < block.count; i++) {
    cursor.at(block.offsets[i])
    const sequence = block.firstSequence + i
    const next = block.offsets[i + 1] ?? block.bytes.length
    if (block.offsets[i] + cursor.byteLength !== next) note(`record ${sequence} has a wrong length`)
    if (cursor.previousSequence >= sequence) note(`record ${sequence} is chained to a later one`)
  }
}
