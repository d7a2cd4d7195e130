import { ShardStore } from '../journal/shard-store.ts'
import type { ShardOptions } from './options.ts'

/** Opens a shard's journal and checkpoint in its data directory; throws what `ShardStore.open` does. */
export function openShardStore(options: ShardOptions): ShardStore {
  return ShardStore.open(`${options.dataDir}/shard-${options.shard}`, {
    shard: options.shard,
    shardCount: options.shardCount,
    deadLettersMax: options.deadLettersMax,
    deadLettersBytesMax: options.deadLettersBytesMax,
    mapSizeMaxBytes: options.mapSizeMaxBytes,
  })
}
