import { createActor, createMachine } from 'xstate'

/** The life of a shard. Events move it on; anything else is a bug and is ignored by the machine. */
export const shardMachine = createMachine({
  id: 'shard',
  initial: 'starting',
  states: {
    starting: { on: { OPENED: 'recovering', FAILED: 'failed' } },
    recovering: { on: { RECOVERED: 'live', FAILED: 'failed' } },
    live: { on: { DRAIN: 'draining', FAILED: 'failed' } },
    draining: { on: { DRAINED: 'stopped', FAILED: 'failed' } },
    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
})

export type ShardEvent = 'OPENED' | 'RECOVERED' | 'DRAIN' | 'DRAINED' | 'FAILED'

/** A running {@link shardMachine} that reports each change of state. */
export class ShardLife {
  private readonly actor = createActor(shardMachine)

  constructor(onChange: (state: string) => void) {
    this.actor.subscribe((snapshot) => onChange(String(snapshot.value)))
    this.actor.start()
  }

  get state(): string {
    return String(this.actor.getSnapshot().value)
  }

  send(event: ShardEvent): void {
    this.actor.send({ type: event })
  }
}
