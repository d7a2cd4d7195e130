import { isbot } from 'isbot'

const CACHED_MAX = 4096

/** Whether a user agent names a bot (isbot's patterns); remembers the agents seen. */
export class BotCheck {
  private readonly known = new Map<string, boolean>()

  isBot(userAgent: string): boolean {
    if (userAgent === '') return false
    const known = this.known.get(userAgent)
    if (known !== undefined) return known
    const bot = isbot(userAgent.slice(0, 1024))
    if (this.known.size >= CACHED_MAX) this.known.clear()
    this.known.set(userAgent, bot)
    return bot
  }
}
