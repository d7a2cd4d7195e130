import type { RecordCursor } from '../../event/record-cursor.ts'
import { ShardStore } from '../../journal/shard-store.ts'
import type { ReplayedShard, ReplayExpressions, ReplaySource } from '../dataset/replay-source.ts'
import type { ModelRequest } from '../trainer.ts'
import { compileDefinition } from '../../profile/compile.ts'
import type { CompiledDefinition } from '../../profile/compile.ts'
import { EventExpressions } from '../../profile/event-expressions.ts'
import { featuresOf, writeFeatures } from '../../profile/feature-vector.ts'
import { Fold } from '../../profile/fold.ts'
import { ProfileStore } from '../../profile/store.ts'
import { hashOf, parseKey } from '../../event/profile-key.ts'
import { Replayer } from '../../replay/replayer.ts'

/** Texts that no profile holds any more and rows may have as categories; of more the text is not known. */
const COLLECTED_TEXTS_MAX = 1 << 21

/** Journal and profiles, brought together for training: a replay by the code that serves. */
export function journalSource({
  dataDir,
  shardCount,
  profile,
}: Pick<ModelRequest, 'dataDir' | 'shardCount' | 'profile'>): ReplaySource {
  const compiled = compileDefinition(profile)
  return {
    shardCount,
    schemaHash: compiled.schemaHash,
    features: featuresOf(compiled),
    keyHash: (id) => hashOf(parseKey(id)),
    open: (shard, expressions) => {
      const path = `${dataDir}/shard-${shard}`
      const options = { shard, shardCount, deadLettersMax: 0, readOnly: true }
      return new JournalShard(shard, ShardStore.open(path, options), { compiled, expressions })
    },
  }
}

/** A shard's journal that is folded into profiles of its own. */
class JournalShard implements ReplayedShard {
  readonly shard: number
  readonly records: number
  private readonly store: ShardStore
  private readonly profiles: ProfileStore
  private readonly replayer: Replayer
  private readonly where: (cursor: RecordCursor) => boolean
  private readonly value: (cursor: RecordCursor) => number | string | boolean | null
  private readonly exclude: ReturnType<EventExpressions['exclusion']>

  constructor(
    shard: number,
    store: ShardStore,
    parts: { readonly compiled: CompiledDefinition; readonly expressions: ReplayExpressions },
  ) {
    const { where, value, exclude } = parts.expressions
    this.shard = shard
    this.store = store
    this.records = store.nextSequence
    this.profiles = new ProfileStore(parts.compiled)
    this.profiles.strings.rememberCollected(COLLECTED_TEXTS_MAX)
    const fold = new Fold(parts.compiled, this.profiles)
    const history = {
      walk: (last: number) => store.history(last),
      record: (sequence: number) => store.readRecord(sequence),
    }
    this.replayer = new Replayer({ profiles: this.profiles, fold }, history, 'here')
    const expressions = new EventExpressions(this.profiles)
    this.where = where === null ? () => true : expressions.condition(where)
    this.value = value === null ? () => null : expressions.value(value)
    this.exclude = exclude === null ? () => false : expressions.exclusion(exclude)
  }

  blocks(): ReturnType<ShardStore['blocks']> {
    return this.store.blocks(0)
  }

  apply(cursor: RecordCursor, sequence: number): number {
    return this.replayer.apply(cursor, sequence)
  }

  writeFeatures(row: number, now: number, out: Float32Array, offset: number): void {
    writeFeatures(this.profiles, row, now, out, offset)
  }

  matches(cursor: RecordCursor): boolean {
    return this.where(cursor)
  }

  valueOf(cursor: RecordCursor): number | string | boolean | null {
    return this.value(cursor)
  }

  excludesEvent(row: number, cursor: RecordCursor): boolean {
    return this.exclude(row, cursor.eventTime, cursor)
  }

  excludesAt(row: number, now: number): boolean {
    return this.exclude(row, now, null)
  }

  sessionEvents(row: number): number {
    return this.profiles.sessionEvents(row)
  }

  texts(): Iterable<string> {
    return this.profiles.texts()
  }

  close(): void {
    void this.store.close()
  }
}
