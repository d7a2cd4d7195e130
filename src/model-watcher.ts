import type { Logger } from 'pino'
import type { ModelRegistry } from './model/registry.ts'
import { toErrorValue } from './protocol/errors.ts'

const INTERVAL_MS = 1000

/**
 * Follows the registry: when `live.json` names another version (a training in another process, a
 * promotion, a rollback), that version is loaded and swapped in. One that does not load is reported
 * once and the version before goes on serving; while a shard restarts, it is tried again.
 */
export class ModelWatcher {
  private readonly serving = new Map<string, number | null>()
  private readonly unreadable = new Set<string>()
  private timer: NodeJS.Timeout | null = null
  private busy = false
  private readonly parts: {
    readonly registry: ModelRegistry
    readonly models: readonly string[]
    readonly swap: (name: string, directory: string | null) => Promise<void>
    readonly log: Logger
  }

  constructor(parts: ModelWatcher['parts']) {
    this.parts = parts
  }

  /** Looks once; called at the start and then every second. */
  async look(): Promise<void> {
    if (this.busy) return
    this.busy = true
    try {
      for (const name of this.parts.models) await this.follow(name)
    } finally {
      this.busy = false
    }
  }

  start(): void {
    this.timer = setInterval(() => {
      this.look().catch((error: unknown) => {
        this.parts.log.error({ err: error }, 'models are not looked for')
      })
    }, INTERVAL_MS)
    this.timer.unref()
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer)
  }

  private async follow(name: string): Promise<void> {
    const { registry, swap, log } = this.parts
    const version = await this.liveVersion(name)
    const before = this.serving.get(name) ?? null
    if (version === undefined || before === version) return
    this.serving.set(name, version)
    try {
      await swap(name, version === null ? null : registry.directoryOf(name, version))
      log.info({ model: name, version }, 'model serves')
    } catch (error) {
      const { code, message, retryable } = toErrorValue(error)
      if (retryable === true) this.serving.set(name, before)
      log.warn({ model: name, version, code, reason: message }, 'model is not served')
    }
  }

  /** Undefined where the registry does not say; that is reported once, and other models go on. */
  private async liveVersion(name: string): Promise<number | null | undefined> {
    const { registry, log } = this.parts
    try {
      const version = await registry.liveVersion(name)
      this.unreadable.delete(name)
      return version
    } catch (error) {
      const { code, message } = toErrorValue(error)
      if (!this.unreadable.has(name)) {
        log.warn({ model: name, code, reason: message }, 'model registry not readable')
      }
      this.unreadable.add(name)
      return undefined
    }
  }
}
