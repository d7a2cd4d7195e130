import type { LiveMessage } from '../protocol/shards.ts'
import { formatKey, parseKey } from '../event/profile-key.ts'

type LiveListener = (message: LiveMessage) => void

const PROFILE = 'profile:'

/** The one spelling that shards know a topic by: `profile:u1` is `profile:user:u1`. */
export function canonicalTopic(topic: string): string {
  if (!topic.startsWith(PROFILE)) return topic
  return PROFILE + formatKey(parseKey(topic.slice(PROFILE.length)))
}

/**
 * Who listens to what. Spellings of one topic share one watch in the shards; each listener hears
 * under the spelling it asked for. Invariant: a topic is watched from its first listener under any
 * spelling to its last.
 */
export class LiveTopics {
  /** Canonical topic → spelling → listeners. */
  private readonly topics = new Map<string, Map<string, Set<LiveListener>>>()
  private readonly watch: (topic: string, on: boolean) => void

  constructor(watch: (topic: string, on: boolean) => void) {
    this.watch = watch
  }

  /** Canonical topics with a listener. */
  watched(): Iterable<string> {
    return this.topics.keys()
  }

  subscribe(topic: string, listener: LiveListener): () => void {
    const canonical = canonicalTopic(topic)
    const known = this.topics.get(canonical)
    const spellings = known ?? new Map<string, Set<LiveListener>>()
    const listeners = spellings.get(topic) ?? new Set()
    spellings.set(topic, listeners.add(listener))
    if (known === undefined) {
      this.topics.set(canonical, spellings)
      this.watch(canonical, true)
    }
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0 || spellings.get(topic) !== listeners) return
      spellings.delete(topic)
      if (spellings.size > 0 || this.topics.get(canonical) !== spellings) return
      this.topics.delete(canonical)
      this.watch(canonical, false)
    }
  }

  /** Tells those who listen to the message's topic, which is canonical. */
  publish(message: LiveMessage): void {
    const spellings = this.topics.get(message.topic)
    if (spellings === undefined) return
    for (const [topic, listeners] of spellings) {
      const spelled = topic === message.topic ? message : respelled(message, topic)
      for (const listener of listeners) listener(spelled)
    }
  }
}

/** The same message under another topic; a body begins with its topic. */
function respelled({ topic, body }: LiveMessage, spelling: string): LiveMessage {
  const head = headOf(topic)
  if (!body.startsWith(head)) throw new Error(`a live message does not begin with ${head}`)
  return { topic: spelling, body: headOf(spelling) + body.slice(head.length) }
}

function headOf(topic: string): string {
  return `{"topic":${JSON.stringify(topic)}`
}
