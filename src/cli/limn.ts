#!/usr/bin/env node
import { Command } from 'commander'
import { checkCommand } from './check.ts'
import { reportFailure } from './context.ts'
import { clockCommand } from './clock.ts'
import { datasetCommand } from './dataset.ts'
import { deadLettersCommand } from './deadletters.ts'
import { demoCommand } from './demo.ts'
import { evaluateCommand } from './evaluate.ts'
import { identityCommand } from './identity.ts'
import { importCommand } from './import.ts'
import { keysCommand } from './keys.ts'
import { modelsCommand } from './models.ts'
import { profileCommand } from './profile.ts'
import { serveCommand } from './serve.ts'
import { trainCommand } from './train.ts'
import { packageVersion } from './version.ts'

const EXIT_USAGE = 2

const program = new Command('limn')
  .description('A live portrait of every shopper, and what the shopper does next.')
  .version(packageVersion())
  .showHelpAfterError('(limn --help lists the commands)')
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE)
  })

for (const make of [
  serveCommand,
  demoCommand,
  importCommand,
  datasetCommand,
  trainCommand,
  evaluateCommand,
  modelsCommand,
  profileCommand,
  identityCommand,
  checkCommand,
  keysCommand,
  clockCommand,
  deadLettersCommand,
]) {
  const command = make()
  command.copyInheritedSettings(program)
  program.addCommand(command)
}

try {
  await program.parseAsync()
} catch (error) {
  reportFailure(error)
}
