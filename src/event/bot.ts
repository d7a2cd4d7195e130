import { isbot } from 'isbot'

const CACHED_MAX = 4096
const AGENT_CHARACTERS_MAX = 1024

/** Whether a user agent names a bot (isbot's patterns); remembers the agents seen. */
export class BotCheck {
  private readonly known = new Map<string, boolean>()
  private lastAgent = ''
  private lastIsBot = false

  isBot(userAgent: string): boolean {
    // Items of one batch mostly share their agent: comparing is cheaper than hashing.
    if (userAgent === this.lastAgent) return this.lastIsBot
    if (userAgent.length > AGENT_CHARACTERS_MAX)
      return isbot(userAgent.slice(0, AGENT_CHARACTERS_MAX))
    let bot = this.known.get(userAgent)
    if (bot === undefined) {
      bot = isbot(userAgent)
      if (this.known.size >= CACHED_MAX) this.known.clear()
      this.known.set(userAgent, bot)
    }
    this.lastAgent = userAgent
    this.lastIsBot = bot
    return bot
  }
}
