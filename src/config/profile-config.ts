import { dirname, join } from 'node:path'
import type { MachineDefinition, ProfileDefinition } from '../profile/definition.ts'
import { compileMachine } from '../profile/machine.ts'
import { MachineError } from '../profile/machine-definition.ts'
import { LimnError } from '../protocol/errors.ts'
import type { DeepReadonly } from './freeze.ts'
import { deepFreeze } from './freeze.ts'
import { definitionFaults, guardFaults } from './profile-checks.ts'
import { modelDefinitionFaults } from './model-checks.ts'
import type { ModelConfig } from './model-schema.ts'
import type { ProfileFile } from './profile-schema.ts'
import { machineSchema, profileSchema } from './profile-schema.ts'
import type { Fault, Path } from './validation.ts'
import { findFaults, withDefaults } from './validation.ts'
import { YamlFile } from './yaml-file.ts'

export interface ProfileConfig {
  readonly definition: ProfileDefinition
  readonly models: Readonly<Record<string, DeepReadonly<ModelConfig>>>
  /** What does no harm and is probably a mistake: one line each. */
  readonly warnings: readonly string[]
}

/**
 * Reads a profile definition and its machines; the result is frozen. Throws
 * `ERR_CONFIG_UNREADABLE` or `ERR_CONFIG_INVALID`, the latter with a line `file:line:column: …`
 * for each fault.
 */
export function loadProfileConfig(path: string): ProfileConfig {
  const file = new YamlFile(path)
  const value = withDefaults(profileSchema, file.value ?? {})
  file.refuse(findFaults(profileSchema, value))
  const { traits, segments, models, machines: paths } = value as ProfileFile
  const machines: Record<string, MachineDefinition> = {}
  const warnings: string[] = []
  const readable = Object.keys(traits).filter((name) => traits[name].op !== 'recent')
  paths.forEach((relative, index) => {
    const machine = loadMachine(join(dirname(path), relative), readable, warnings)
    if (Object.hasOwn(machines, machine.id)) {
      const message = `found a second machine "${machine.id}"; allowed: one of each id`
      file.refuse([{ path: ['machines', index], of: 'value', message }])
    }
    machines[machine.id] = machine
  })
  const definition: ProfileDefinition = { traits, segments, machines }
  file.refuse(definitionFaults(definition))
  file.refuse(modelDefinitionFaults(models, definition))
  return deepFreeze({ definition, models, warnings }) as ProfileConfig
}

function loadMachine(path: string, traits: readonly string[], warnings: string[]) {
  const file = new YamlFile(path)
  file.refuse(findFaults(machineSchema, file.value))
  const machine = file.value as MachineDefinition
  try {
    const { unreachable } = compileMachine(machine)
    for (const name of unreachable) {
      const at = file.position(['states', name], 'key')
      warnings.push(`${at}: state "${name}" cannot be reached from "${machine.initial}"`)
    }
  } catch (error) {
    if (!(error instanceof LimnError)) throw error
    const known = error instanceof MachineError
    const message = known ? error.reason : error.message
    file.refuse([{ path: known ? error.path : [], of: 'value', message }])
  }
  file.refuse(machineGuardFaults(machine, traits))
  return machine
}

function machineGuardFaults(machine: MachineDefinition, traits: readonly string[]): Fault[] {
  const faults: Fault[] = []
  const walk = (value: unknown, path: Path): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, child] of Object.entries(value)) {
      const at = [...path, key]
      if (key === 'guard' && typeof child === 'string')
        faults.push(...guardFaults(at, child, traits))
      else walk(child, at)
    }
  }
  walk(machine.states, ['states'])
  return faults
}
