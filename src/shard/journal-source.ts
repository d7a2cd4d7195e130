import { eventCodeOf } from '../event/vocabulary.ts'
import { ShardStore } from '../journal/shard-store.ts'
import type { ReplaySource } from '../model/replay-source.ts'
import type { ModelRequest } from '../model/trainer.ts'
import { compileDefinition } from '../profile/compile.ts'
import {
  numberFeatureNames as featureNames,
  writeNumberFeatures as writeFeatures,
} from '../profile/number-features.ts'
import { Fold } from '../profile/fold.ts'
import { ProfileStore } from '../profile/store.ts'
import { hashOf, parseKey } from './key.ts'
import { Replayer } from './replayer.ts'

/** Journal and profiles, brought together for training: a replay by the code that serves. */
export function journalSource({ dataDir, shardCount, profile }: ModelRequest): ReplaySource {
  const compiled = compileDefinition(profile)
  return {
    shardCount,
    schemaHash: compiled.schemaHash,
    featureNames: featureNames(compiled),
    keyHash: (id) => hashOf(parseKey(id)),
    eventMatcher: (event) => {
      const code = eventCodeOf(event)
      if (code > 0) return (cursor) => cursor.eventCode === code
      return (cursor) => cursor.eventCode === 0 && cursor.name === event
    },
    open: (shard) => {
      const path = `${dataDir}/shard-${shard}`
      const options = { shard, shardCount, deadLettersMax: 0, readOnly: true }
      const store = ShardStore.open(path, options)
      const profiles = new ProfileStore(compiled)
      const fold = new Fold(compiled, profiles)
      const replayer = new Replayer(profiles, fold, (last) => store.history(last))
      return {
        shard,
        records: store.nextSequence,
        blocks: () => store.blocks(0),
        apply: (cursor, sequence) => replayer.apply(cursor, sequence),
        writeFeatures: (row, now, out, offset) => writeFeatures(profiles, row, now, out, offset),
        close: () => void store.close(),
      }
    },
  }
}
