import { parseKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { KEY_KIND, RECORD_KIND } from '../event/record.ts'
import { decidedText, forwardText } from '../identity/notes.ts'
import { closingRenames, heightsOf } from '../identity/old-renames.ts'
import type { OldRename } from '../identity/old-renames.ts'
import type { HealItem } from '../protocol/shard-messages.ts'
import type { Turn } from './turn.ts'

/**
 * At the shard that keeps the forest of renames: the renames that the first storage format left, as all
 * shards tell them. Whoever tells again tells the same.
 */
export class OldForest {
  adopted = 0
  private readonly turn: Turn
  private readonly renames = new Map<string, OldRename & { readonly moved: number }>()
  /** Forwards of users of which the records lie with somebody else. */
  private readonly arrived = new Set<string>()

  constructor(turn: Turn) {
    this.turn = turn
  }

  note(shard: number, { key, sequence, to, time, moved }: HealItem): void {
    this.renames.set(key, { from: key, to, shard, sequence, time, moved, arrived: false })
  }

  noteArrived(key: string, sequence: number): void {
    this.arrived.add(`${key} ${sequence}`)
  }

  /** Takes the renames into the forest; returns those that must be undone instead. */
  *adopt(): Generator<void, HealItem[]> {
    for (const [key, rename] of this.renames) {
      const moves = rename.moved === rename.sequence
      const arrived = moves && this.arrived.has(`${key} ${rename.sequence}`)
      this.renames.set(key, { ...rename, arrived })
      yield
    }
    const closing = closingRenames(this.renames)
    const undone = closing.map(({ from }) => this.undoOf(from))
    for (const { from } of closing) this.renames.delete(from)
    for (const [user, { to }] of this.renames) {
      this.enter(parseKey(user), to)
      yield
    }
    for (const [user, height] of heightsOf(this.renames)) {
      this.raise(parseKey(user), height)
      yield
    }
    this.renames.clear()
    this.arrived.clear()
    return undone
  }

  private undoOf(user: string): HealItem {
    const rename = this.renames.get(user)
    if (rename === undefined) throw new Error(`${user} is not renamed`)
    const { to, time, sequence, moved } = rename
    const gone = moved < 0 || this.arrived.has(`${user} ${moved}`)
    return { key: user, sequence, to, time, moved: gone ? -1 : moved }
  }

  /** A rename is known to the forest from here on; one that it knows, or has undone, stays as it is. */
  private enter({ key }: ProfileKey, to: string): void {
    const { profiles } = this.turn.parts
    const place = { kind: KEY_KIND.rename, key }
    const row = profiles.findKey(place.kind, key)
    if (row >= 0 && profiles.identity(row).decided >= 0) return
    const message = forwardText({ moves: false, links: [], event: null, cause: '' })
    this.turn.appendOwn(RECORD_KIND.forward, place, { name: to, message })
    this.adopted++
  }

  private raise({ key }: ProfileKey, height: number): void {
    const { profiles } = this.turn.parts
    const row = profiles.findKey(KEY_KIND.rename, key)
    if (row >= 0 && (profiles.identity(row).height ?? 0) >= height) return
    const place = { kind: KEY_KIND.rename, key }
    this.turn.appendOwn(RECORD_KIND.decided, place, { message: decidedText({ height }) })
  }
}
