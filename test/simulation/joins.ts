import { RECORD_KIND } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import type { PeerMessage } from '../../src/protocol/shard-messages.ts'
import { JOIN_STATES, joinCoverage } from './coverage.ts'
import type { Coverage, CrashKind, JoinState } from './coverage.ts'
import { holdsJoin, positionOf, viewBlockRecords } from './journal-view.ts'
import type { ViewedRecord } from './journal-view.ts'

interface TrackedJoin {
  readonly position: string
  readonly source: string
  readonly sourceShard: number
  readonly sequence: number
  targetShard: number
  state: JoinState
}

/**
 * Follows each join that moves records from state to state, by what goes to the disks and over the
 * ports, and counts in which states crashes met it.
 */
export class JoinTracker {
  /** Told of each state that a join between two shards comes to. */
  reached: (state: JoinState, sourceShard: number, targetShard: number) => void = () => undefined
  private readonly coverage: Coverage
  private readonly cursor = new RecordCursor()
  private readonly joins = new Map<string, TrackedJoin>()
  /** `from>to id` of an import message → position of its forward. */
  private readonly sent = new Map<string, string>()

  constructor(coverage: Coverage) {
    this.coverage = coverage
  }

  /** Joins that are not confirmed. */
  get pending(): number {
    return this.joins.size
  }

  /** Whether a join of this id (`user:…`, `anonymous:…`) is under way. */
  isJoining(key: string): boolean {
    for (const join of this.joins.values()) if (join.source === key) return true
    return false
  }

  queued(shard: number, block: Uint8Array): void {
    for (const record of this.recordsOf(shard, block)) {
      if (record.kind === RECORD_KIND.forward && record.moves) {
        if (record.source !== '') {
          this.advance(record.source, 'journalled by the target, not answered', shard)
        }
        this.begin(shard, record.sequence, record.key)
      } else if (record.kind === RECORD_KIND.import) {
        this.advance(record.source, 'journalled by the target, not answered', shard)
      } else if (record.kind === RECORD_KIND.forwardConfirmed) {
        this.confirm(`${shard}:${record.of}`)
      }
    }
  }

  durable(shard: number, block: Uint8Array): void {
    for (const record of this.recordsOf(shard, block)) {
      if (record.kind === RECORD_KIND.forward) {
        this.advance(positionOf(record), 'forward durable, not sent', -1)
      }
    }
  }

  posted(from: number, to: number, message: PeerMessage): void {
    if (message.type === 'import' || message.type === 'rename') {
      this.sent.set(`${from}>${to} ${message.id}`, message.position)
      this.advance(message.position, 'sent, not journalled by the target', to)
    } else if (message.type === 'applied') {
      const source = this.sent.get(`${to}>${from} ${message.id}`)
      if (source !== undefined) this.advance(source, 'answered, not confirmed', from)
    }
  }

  /** Shards die; null: the process with all of them. */
  crashed(shard: number | null): void {
    const kind: CrashKind = shard === null ? 'process crash' : 'thread crash'
    for (const join of this.joins.values()) {
      const meets = shard === null || shard === join.sourceShard || shard === join.targetShard
      if (meets) this.coverage.reach(joinCoverage(join.state, kind))
    }
  }

  /** After a restart: which forwards are on the disk decides which joins there are. */
  forgetLost(shard: number, nextSequence: number): void {
    for (const join of this.joins.values()) {
      if (join.sourceShard === shard && join.sequence >= nextSequence)
        this.joins.delete(join.position)
    }
  }

  private recordsOf(shard: number, block: Uint8Array): ViewedRecord[] {
    const { cursor } = this
    return holdsJoin(block) ? viewBlockRecords({ shard, order: 0, cursor }, block) : []
  }

  private begin(shard: number, sequence: number, source: string): void {
    const position = `${shard}:${sequence}`
    const state = JOIN_STATES[0]
    this.joins.set(position, {
      position,
      source,
      sourceShard: shard,
      sequence,
      targetShard: -1,
      state,
    })
    this.coverage.reach(joinCoverage(state, 'no crash'))
    this.reached(state, shard, -1)
  }

  private advance(position: string, state: JoinState, targetShard: number): void {
    const join = this.joins.get(position)
    if (join === undefined) return
    if (targetShard >= 0) join.targetShard = targetShard
    if (JOIN_STATES.indexOf(state) <= JOIN_STATES.indexOf(join.state)) return
    join.state = state
    this.coverage.reach(joinCoverage(state, 'no crash'))
    this.reached(state, join.sourceShard, join.targetShard)
  }

  /** The confirmation is journalled; the join is watched until it has been so for a while. */
  private confirm(position: string): void {
    this.advance(position, 'confirmed', -1)
  }

  /** At a quiet point nothing is under way any more. */
  settle(): void {
    for (const join of this.joins.values()) {
      if (join.state === 'confirmed') this.joins.delete(join.position)
    }
  }
}
