import type { FromShard, ShardPort, ToShard } from '../../src/protocol/shard-messages.ts'
import { toErrorValue } from '../../src/protocol/errors.ts'
import type { Thread } from '../../src/router/shard-thread.ts'
import { ShardActor } from '../../src/shard/actor.ts'
import type { ShardParts } from '../../src/shard/actor.ts'
import type { ShardOptions } from '../../src/shard/options.ts'
import type { Life } from './life.ts'
import { SimulatedPort } from './ports.ts'
import type { Way } from './ports.ts'
import type { Scheduler } from './scheduler.ts'

export interface ThreadParts {
  readonly scheduler: Scheduler
  readonly options: ShardOptions
  readonly shardParts: ShardParts
  readonly life: Life
  /** The router's: what it posts when it is dead does not arrive. */
  readonly routerLife: Life
  readonly toThread: Way
  readonly toRouter: Way
  readonly startMs: number
  readonly exitMs: () => number
  /** The thread is to end, by its own fault or because it was told to. */
  readonly ended: (thread: SimulatedThread) => void
  /** The shard posts this; called before it is on its way. */
  readonly posted: (shard: number, messages: readonly FromShard[]) => void
  /** Whether messages that have arrived and are not delivered yet are given to one who polls. */
  readonly polls: () => boolean
}

/** A shard's thread: the real actor, in this thread, on simulated time. */
export class SimulatedThread implements Thread {
  readonly life: Life
  readonly shard: number
  private readonly parts: ThreadParts
  private readonly inbox: (readonly ToShard[])[] = []
  private readonly onMessage: ((messages: FromShard[]) => void)[] = []
  private readonly onExit: ((code: number) => void)[] = []
  private actor: ShardActor | null = null
  private exited: Promise<void> | null = null

  constructor(parts: ThreadParts) {
    this.parts = parts
    this.life = parts.life
    this.shard = parts.options.shard
    parts.scheduler.after(parts.startMs, `${this.life.name} starts`, () => this.start())
  }

  postMessage(messages: readonly ToShard[], transfer: readonly object[] = []): void {
    const { routerLife, toThread } = this.parts
    if (!routerLife.called('port') || !this.life.alive) return
    for (const port of transfer) {
      if (!(port instanceof SimulatedPort)) continue
      port.owner = this.life
      port.shard = this.shard
    }
    toThread.carry(routerLife, `>${this.shard} ${labelOf(messages)}`, () => {
      this.inbox.push(messages)
      this.deliver()
    })
  }

  on(
    ...[event, listener]:
      | [event: 'message', listener: (messages: FromShard[]) => void]
      | [event: 'error', listener: (error: Error) => void]
      | [event: 'exit', listener: (code: number) => void]
  ): void {
    if (event === 'message') this.onMessage.push(listener)
    else if (event === 'exit') this.onExit.push(listener)
  }

  terminate(): Promise<void> {
    this.parts.routerLife.called('port')
    return this.exit()
  }

  /** Ends; whoever listens hears of it some time later. */
  exit(): Promise<void> {
    this.exited ??= new Promise((resolve) => {
      const { scheduler, ended, exitMs } = this.parts
      ended(this)
      scheduler.after(exitMs(), `${this.life.name} exits`, () => {
        if (this.parts.routerLife.alive) for (const told of this.onExit) told(1)
        resolve()
      })
    })
    return this.exited
  }

  private start(): void {
    if (!this.life.alive) return
    const port: ShardPort = {
      post: (messages) => this.post(messages),
      poll: () => this.poll(),
    }
    try {
      const actor = new ShardActor(this.parts.options, port, this.parts.shardParts)
      this.actor = actor
      actor.start()
    } catch (error) {
      this.post([{ type: 'failed', error: toErrorValue(error) }])
    }
    this.life.starting = false
    this.parts.scheduler.after(0, `${this.life.name} listens`, () => this.deliver())
  }

  private post(messages: FromShard[]): void {
    if (!this.life.called('port')) return
    this.parts.posted(this.shard, messages)
    this.parts.toRouter.carry(this.life, `${this.shard}> ${labelOf(messages)}`, () => {
      if (this.parts.routerLife.alive) for (const told of this.onMessage) told(messages)
    })
  }

  private poll(): ToShard[] | null {
    if (!this.life.called('port') || !this.parts.polls()) return null
    const messages = this.inbox.shift()
    return messages === undefined ? null : [...messages]
  }

  private deliver(): void {
    if (this.actor === null || !this.life.alive) return
    for (let mail = this.inbox.shift(); mail !== undefined; mail = this.inbox.shift()) {
      this.actor.receive(mail)
    }
  }
}

function labelOf(messages: readonly { readonly type: string; readonly id?: number }[]): string {
  return messages.map(({ type, id }) => (id === undefined ? type : `${type} ${id}`)).join(',')
}
