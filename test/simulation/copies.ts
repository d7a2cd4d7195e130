import { RecordCursor } from '../../src/event/record-cursor.ts'
import { parseKey } from '../../src/event/profile-key.ts'
import { ShardStore } from '../../src/journal/shard-store.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import { Fold } from '../../src/profile/fold.ts'
import { profileText } from '../../src/profile/read.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { ANSWER_FIELDS } from '../../src/protocol/shard-messages.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import { ShardActor } from '../../src/shard/actor.ts'
import type { ShardOptions } from '../../src/shard/options.ts'
import { DEFINITION } from './definition.ts'
import { ENDLESS_ROOM, SimulatedEnvironment } from './disk.ts'
import type { SimulatedDisk } from './disk.ts'
import type { ViewedShopper } from './journal-view.ts'

const COMPILED = compileDefinition(DEFINITION)

/** Folds shoppers from nothing, one after another, in a store of its own. */
export class FreshFold {
  private profiles = new ProfileStore(COMPILED)
  private fold = new Fold(COMPILED, this.profiles)
  private readonly cursor = new RecordCursor()

  /** The profile that a shopper's records give when they are folded once, in order of arrival. */
  text(shopper: ViewedShopper, nowMs: number): string {
    const { profiles, fold, cursor } = this
    const { kind, key } = parseKey(shopper.key)
    const row = profiles.ensureKey(kind, key)
    profiles.reset(row)
    const records = [...shopper.records].sort(
      (a, b) => a.arrival - b.arrival || a.sequence - b.sequence,
    )
    for (const { bytes } of records) fold.apply(row, cursor.over(bytes).at(0))
    fold.advance(row, nowMs)
    fold.effects.clear()
    return profileText(profiles, row, nowMs, '')
  }
}

/** What a shard answers that has just recovered over a copy of the disk, by key. */
export function recoverCopy(
  disk: SimulatedDisk,
  options: ShardOptions,
  at: { readonly nowMs: number; readonly keys: readonly string[] },
): Map<string, string> {
  const answers = new Map<string, string>()
  const failures: string[] = []
  const actor = new ShardActor(
    options,
    {
      post: (messages) => {
        for (const message of messages) {
          if (message.type === 'failed') failures.push(message.error.message)
          if (message.type !== 'answers') continue
          let start = 0
          for (let i = 0; i < message.heads.length; i += ANSWER_FIELDS) {
            const end = message.heads[i + 2]
            const text = decoder.decode(message.bytes.subarray(start, end))
            answers.set(at.keys[message.heads[i]], text)
            start = end
          }
        }
      },
      poll: () => null,
    },
    {
      clock: standingClock(at.nowMs),
      openStore: ({ shard, shardCount, deadLettersMax }) =>
        ShardStore.over(copyOf(disk), ENDLESS_ROOM, { shard, shardCount, deadLettersMax }),
      loadVersion: () => Promise.reject(new Error('a simulation serves no models')),
    },
  )
  actor.start()
  if (failures.length > 0) throw new Error(`recovery over a copy failed: ${failures.join('; ')}`)
  const fields = at.keys.flatMap((key) => [0, key, '', ''])
  actor.receive([{ type: 'lookups', first: 0, fields }])
  return answers
}

const decoder = new TextDecoder()

/** An environment over a copy, on which nothing is ever written. */
function copyOf(disk: SimulatedDisk): SimulatedEnvironment {
  return new SimulatedEnvironment(disk.clone(), {
    called: () => true,
    nextCommit: (count) => ({ count, fails: false }),
    later: () => undefined,
    changedInFlight: () => undefined,
    queued: () => undefined,
    durable: () => undefined,
  })
}

function standingClock(nowMs: number): Clock {
  return {
    now: () => nowMs,
    monotonic: () => 0,
    after: () => () => undefined,
    every: () => () => undefined,
    soon: () => undefined,
    base: { wallMs: nowMs, monotonicMs: 0, floorMs: 0 },
    rebase: () => undefined,
    startAfter: () => undefined,
  }
}
