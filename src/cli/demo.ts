import type { Command } from 'commander'
import { command } from './context.ts'

export function demoCommand(): Command {
  return command('demo', 'x', false)
}
