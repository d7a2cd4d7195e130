import type { Command } from 'commander'
import { Compile } from 'typebox/compile'
import { ClockAnswer } from '../gateway/schemas.ts'
import { LimnError } from '../protocol/errors.ts'
import type { ClockStatus } from '../protocol/clock.ts'
import { command, group, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions } from './context.ts'
import { runningServer } from './running-server.ts'

interface ClockOptions extends CommonOptions {
  readonly token?: string
}

const clockAnswer = Compile(ClockAnswer)

export function clockCommand(): Command {
  const clock = group('clock', 'how arrival time stands to the wall clock, and following that')
  clock.addCommand(
    command('show', "a running server's arrival time beside its wall clock", true)
      .option('--token <token>', 'read or admin token')
      .action(show),
  )
  clock.addCommand(
    command('accept', 'the wall clock is right: have a running server go by it', true)
      .option('--token <token>', 'admin token')
      .action(accept),
  )
  return clock
}

async function show(options: ClockOptions): Promise<void> {
  report(await ask('GET', '/v1/clock', options), options)
}

async function accept(options: ClockOptions): Promise<void> {
  report(await ask('POST', '/v1/clock/accept', options), options)
}

/** Throws `ERR_CLOCK_STOPPED` where no server has the directory open, and what the server answers. */
async function ask(
  method: 'GET' | 'POST',
  path: string,
  options: ClockOptions,
): Promise<ClockStatus> {
  const { config } = loadSettings(options)
  const admin = process.env.LIMN_ADMIN_TOKEN ?? config.bootstrap.adminToken
  const server = runningServer(config, options.token ?? (admin === '' ? undefined : admin))
  if (server === null) {
    const message = `no server has ${config.storage.dir} open; a start goes by the wall clock, or on from the last written instant where that is later`
    throw new LimnError('ERR_CLOCK_STOPPED', message)
  }
  const answer: unknown = JSON.parse((await server.request(method, path)).body)
  if (clockAnswer.Check(answer)) return answer
  const { error } = answer as { error?: { code: string; message: string } }
  if (error !== undefined) throw new LimnError(error.code, error.message)
  throw new LimnError('ERR_INTERNAL', `the server answers ${path} in an unknown form`)
}

function report(status: ClockStatus, options: ClockOptions): void {
  if (options.json === true) return printJson(status)
  const { arrival, wall, driftSeconds, state, retentionHeldSeconds } = status
  print(`arrival time  ${arrival}\nwall clock    ${wall}`)
  print(SENTENCES[state](Math.abs(Math.round(driftSeconds))))
  if (retentionHeldSeconds > 0) {
    print(`retention drops nothing until the server has run for ${retentionHeldSeconds} s more`)
  }
}

const SENTENCES: Record<ClockStatus['state'], (seconds: number) => string> = {
  steady: () => 'they agree',
  drifted: (seconds) =>
    `the wall clock has jumped, they are ${seconds} s apart: set it right, or \`limn clock accept\` where it is right`,
  catchingUp: (seconds) =>
    `arrival time is ${seconds} s ahead, and runs slower until the wall clock has caught up`,
}
