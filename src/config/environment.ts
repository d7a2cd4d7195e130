import type { SchemaNode } from './validation.ts'
import { describeAllowed, findFaults, foundMessage, unknownMessage } from './validation.ts'
import { refuseFaults } from './yaml-file.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Keys for a first start, from the environment; '' where not given. */
export interface BootstrapKeys {
  readonly writeKey: string
  readonly readToken: string
  readonly adminToken: string
}

export interface EnvironmentSettings {
  readonly settings: Record<string, Record<string, unknown>>
  readonly bootstrap: BootstrapKeys
}

const PREFIX = 'LIMN_'
const BOOTSTRAP = {
  LIMN_BOOTSTRAP_WRITE_KEY: 'writeKey',
  LIMN_BOOTSTRAP_READ_TOKEN: 'readToken',
  LIMN_BOOTSTRAP_ADMIN_TOKEN: 'adminToken',
} as const

interface Variable {
  readonly section: string
  readonly key: string
  readonly schema: SchemaNode
}

/** `LIMN_<SECTION>_<KEY>` of a setting: `deadLetters.max` → `LIMN_DEAD_LETTERS_MAX`. */
export function variableName(section: string, key: string): string {
  return `${PREFIX}${constantCase(section)}_${constantCase(key)}`
}

/**
 * Settings from `LIMN_<SECTION>_<KEY>`; lists are separated by commas. A variable of a known
 * section that is not a setting is refused (`ERR_CONFIG_INVALID`), as is a wrong value.
 */
export function readEnvironment(env: Environment, schema: SchemaNode): EnvironmentSettings {
  const variables = knownVariables(schema)
  const sections = Object.keys(schema.properties ?? {})
  const prefixes = [...sections, 'bootstrap'].map((name) => `${PREFIX}${constantCase(name)}_`)
  const settings: EnvironmentSettings['settings'] = {}
  const bootstrap = { writeKey: '', readToken: '', adminToken: '' }
  const faults: string[] = []
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !name.startsWith(PREFIX)) continue
    if (isBootstrap(name)) {
      bootstrap[BOOTSTRAP[name]] = text
      continue
    }
    const variable = variables.get(name)
    if (variable === undefined) {
      const prefix = prefixes.find((candidate) => name.startsWith(candidate))
      if (prefix === undefined) continue
      const known = [...variables.keys(), ...Object.keys(BOOTSTRAP)]
      const near = known.filter((candidate) => candidate.startsWith(prefix))
      faults.push(`environment ${name}: ${unknownMessage(name, near, 'variable')}`)
      continue
    }
    const value = parseValue(text, variable.schema)
    if (findFaults(variable.schema, value).length > 0) {
      faults.push(`environment ${name}: ${foundMessage(text, describeAllowed(variable.schema))}`)
      continue
    }
    settings[variable.section] ??= {}
    settings[variable.section][variable.key] = value
  }
  refuseFaults(faults)
  return { settings, bootstrap }
}

function isBootstrap(name: string): name is keyof typeof BOOTSTRAP {
  return Object.hasOwn(BOOTSTRAP, name)
}

function knownVariables(schema: SchemaNode): Map<string, Variable> {
  const variables = new Map<string, Variable>()
  for (const [section, { properties = {} }] of Object.entries(schema.properties ?? {})) {
    for (const [key, child] of Object.entries(properties)) {
      variables.set(variableName(section, key), { section, key, schema: child })
    }
  }
  return variables
}

function parseValue(text: string, schema: SchemaNode): unknown {
  if (schema.type === 'integer' || schema.type === 'number') {
    return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text
  }
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  if (schema.type === 'array') {
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
  }
  return text
}

function constantCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}
