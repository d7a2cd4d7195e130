import type { Command } from 'commander'
import { startServer } from '../main.ts'
import { createLogger } from '../observe/log.ts'
import { toErrorValue } from '../protocol/errors.ts'
import { command, endProcess, loadSettings, note } from './context.ts'
import type { CommonOptions } from './context.ts'

interface ServeOptions extends CommonOptions {
  readonly host?: string
  readonly port?: string
}

export function serveCommand(): Command {
  return command('serve', 'gateway, shards and console', false)
    .option('--host <address>', 'address to listen on')
    .option('--port <port>', 'TCP port; 0 takes a free one')
    .action(serve)
}

async function serve(options: ServeOptions): Promise<void> {
  const port = options.port === undefined ? undefined : Number(options.port)
  const settings = loadSettings(options, { server: { host: options.host, port } })
  const log = createLogger({ level: settings.config.log.level })
  const server = await startServer({ ...settings, log, onFatal: endProcess })
  // Before the address is told: whoever reads it may stop the server at once.
  stopOnSignal(async () => {
    log.info({}, 'draining')
    await server.stop()
    log.info({}, 'stopped')
  })
  if (server.madeKeys.length > 0) {
    note('Keys of this data directory, shown this once (only hashes are stored):')
    for (const { entry, text } of server.madeKeys) note(`  ${entry.scope.padEnd(5)}  ${text}`)
  }
  note(`Limn serves at ${server.address} (data in ${settings.config.storage.dir})`)
}

/** Runs `stop` at the first SIGTERM or SIGINT and then exits; the second exits at once. */
export function stopOnSignal(stop: () => Promise<void>): void {
  let stopping = false
  const onSignal = (): void => {
    if (stopping) process.exit(1)
    stopping = true
    stop().then(
      () => process.exit(0),
      (error: unknown) => endProcess(toErrorValue(error)),
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}
