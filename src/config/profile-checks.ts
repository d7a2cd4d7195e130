import { NUMBER_FIELDS, STRING_FIELDS } from '../event/record.ts'
import { RECENT_MAX } from '../profile/compile.ts'
import type { ProfileDefinition, TraitDefinition, TraitOperation } from '../profile/definition.ts'
import {
  closestName,
  parseExpression,
  references,
  usedInArithmetic,
} from '../profile/expression.ts'
import { delayMsOf } from '../profile/machine-definition.ts'
import { LimnError } from '../protocol/errors.ts'
import type { Fault, Path } from './validation.ts'

const DEFAULT_RESOLUTION: Readonly<Record<string, string>> = {
  '1h': '5m',
  '24h': '2h',
  '7d': '1d',
  '30d': '3d',
}
const BUCKETS_MAX = 60

type Key = keyof TraitDefinition

/** Keys beside part, op, description and unit; `!` marks what must be there. */
const KEYS: Readonly<Record<TraitOperation, readonly string[]>> = {
  count: ['on!', 'where', 'window', 'resolution', 'halfLife', 'bots'],
  sum: ['on!', 'where', 'value!', 'window', 'resolution', 'halfLife', 'bots'],
  mean: ['on!', 'where', 'value!', 'window', 'resolution', 'bots'],
  min: ['on!', 'where', 'value!', 'window', 'resolution', 'bots'],
  max: ['on!', 'where', 'value!', 'window', 'resolution', 'bots'],
  first: ['on!', 'where', 'value!', 'text', 'bots'],
  last: ['on!', 'where', 'value!', 'text', 'bots'],
  since: ['on!', 'where', 'bots'],
  distinct: ['on!', 'where', 'value!', 'limit', 'bots'],
  top: ['on!', 'where', 'value!', 'k', 'halfLife!', 'bots'],
  recent: ['on!', 'where', 'k', 'value', 'bots'],
  ratio: ['numerator!', 'denominator!'],
  formula: ['formula!'],
}
const COMMON = new Set(['part', 'op', 'description', 'unit'])

const EVENT_NAMES: ReadonlySet<string> = new Set<string>([
  ...NUMBER_FIELDS,
  ...STRING_FIELDS,
  'event',
  'type',
])
const EVENT_PREFIXES = ['properties.', 'traits.', 'context.']
const PRODUCT_FIELDS = ['price', 'quantity', 'product_id', 'category', 'brand']

/** What the schema cannot say: relations between keys, names that must exist, expressions. */
export function definitionFaults(definition: ProfileDefinition): Fault[] {
  const names = new Set(Object.keys(definition.traits))
  for (const id of Object.keys(definition.machines)) names.add(`machine.${id}`)
  const faults = Object.entries(definition.traits).flatMap(([name, trait]) => [
    ...keyFaults(['traits', name], trait),
    ...windowFaults(['traits', name], trait),
    ...recentFaults(['traits', name], trait),
    ...referenceFaults(['traits', name], trait, definition),
    ...expressionFaults(['traits', name], trait, names),
    ...listFaults(['traits', name, 'formula'], trait.formula ?? '', definition),
  ])
  faults.push(...formulaCycles(definition))
  for (const [name, segment] of Object.entries(definition.segments)) {
    const path = ['segments', name, 'when']
    faults.push(...checkText(path, segment.when, (used) => isProfileName(used, names), names))
    faults.push(...tagFaults(path, segment.when, definition))
    faults.push(...listFaults(path, segment.when, definition))
    faults.push(...sinceFaults(path, segment.when, definition))
  }
  return faults
}

/** Names that a guard uses and neither the event nor the profile has. */
export function guardFaults(path: Path, guard: string, traits: readonly string[]): Fault[] {
  const names = new Set([...traits, ...EVENT_NAMES])
  const known = (name: string) => isEventName(name) || isProfileName(name, names)
  return checkText(path, guard, known, names)
}

/** Names that an expression over an event uses and no event has. */
export function eventExpressionFaults(path: Path, text: string): Fault[] {
  return checkText(path, text, isEventName, EVENT_NAMES)
}

/** The same of an expression over an event and a profile; tags must be of a `top` trait. */
export function rowExpressionFaults(
  path: Path,
  text: string,
  definition: ProfileDefinition,
): Fault[] {
  const machines = Object.keys(definition.machines).map((id) => `machine.${id}`)
  const names = [...Object.keys(definition.traits), ...machines]
  return [...guardFaults(path, text, names), ...tagFaults(path, text, definition)]
}

function keyFaults(path: Path, trait: TraitDefinition): Fault[] {
  const allowed = new Map(KEYS[trait.op].map((key) => [key.replace('!', ''), key.endsWith('!')]))
  const faults: Fault[] = []
  for (const key of Object.keys(trait)) {
    if (COMMON.has(key) || allowed.has(key)) continue
    const message = `not used by ${trait.op}; allowed: ${[...allowed.keys()].join(', ')}`
    faults.push({ path: [...path, key], of: 'key', message })
  }
  for (const [key, required] of allowed) {
    if (!required || trait[key as Key] !== undefined) continue
    faults.push({ path, of: 'key', message: `missing "${key}", which ${trait.op} needs` })
  }
  if (trait.window !== undefined && trait.halfLife !== undefined) {
    const message = 'found window and halfLife; allowed: one of them'
    faults.push({ path: [...path, 'halfLife'], of: 'key', message })
  }
  return faults
}

function windowFaults(path: Path, trait: TraitDefinition): Fault[] {
  const { window } = trait
  const at = [...path, 'resolution']
  if (window === undefined) {
    if (trait.resolution === undefined) return []
    return [{ path: at, of: 'key', message: 'found resolution without window' }]
  }
  const resolution = trait.resolution ?? DEFAULT_RESOLUTION[window]
  if (resolution === undefined) {
    const message = `found window ${window} without resolution; only ${Object.keys(DEFAULT_RESOLUTION).join(', ')} have a default`
    return [{ path: [...path, 'window'], of: 'value', message }]
  }
  const windowMs = delayMsOf(window) ?? 0
  const resolutionMs = delayMsOf(resolution) ?? 0
  const buckets = windowMs / resolutionMs
  if (Number.isInteger(buckets) && buckets >= 1 && buckets <= BUCKETS_MAX) return []
  const message = `found ${resolution} in ${window}; allowed: a divisor of the window, at most ${BUCKETS_MAX} buckets`
  const of = trait.resolution === undefined ? [...path, 'window'] : at
  return [{ path: of, of: 'value', message }]
}

function recentFaults(path: Path, { op, k, value }: TraitDefinition): Fault[] {
  if (op !== 'recent') return []
  const faults: Fault[] = []
  if (k !== undefined && k > RECENT_MAX) {
    const message = `found ${k}; allowed: 1–${RECENT_MAX} events`
    faults.push({ path: [...path, 'k'], of: 'value', message })
  }
  if (value !== undefined && isProductField(value)) {
    const message = `found "${value}"; allowed: one number an event`
    faults.push({ path: [...path, 'value'], of: 'value', message })
  }
  return faults
}

function referenceFaults(
  path: Path,
  trait: TraitDefinition,
  definition: ProfileDefinition,
): Fault[] {
  const numeric = Object.entries(definition.traits)
    .filter(([, other]) => isNumeric(other))
    .map(([name]) => name)
  return (['numerator', 'denominator'] as const).flatMap((key): Fault[] => {
    const name = trait[key]
    if (name === undefined || numeric.includes(name)) return []
    const message = `found "${name}"; allowed: a numeric trait${hint(name, numeric)}`
    return [{ path: [...path, key], of: 'value', message }]
  })
}

function expressionFaults(path: Path, trait: TraitDefinition, names: Set<string>): Fault[] {
  const faults: Fault[] = []
  if (trait.where !== undefined) {
    faults.push(...checkText([...path, 'where'], trait.where, isEventName, EVENT_NAMES))
  }
  if (trait.formula !== undefined) {
    const known = (name: string) => isProfileName(name, names)
    faults.push(...checkText([...path, 'formula'], trait.formula, known, names))
  }
  if (trait.value !== undefined) {
    const known = (name: string) => isEventName(name) || isProductField(name)
    faults.push(...checkText([...path, 'value'], trait.value, known, EVENT_NAMES))
  }
  return faults
}

function isNumeric({ op, text }: TraitDefinition): boolean {
  return op !== 'top' && op !== 'ratio' && op !== 'recent' && text !== true
}

/** A formula may read ratios and other formulas, but never itself. */
function formulaCycles({ traits }: ProfileDefinition): Fault[] {
  const inputs = new Map<string, Set<string>>()
  for (const [name, { formula }] of Object.entries(traits)) {
    if (formula !== undefined) inputs.set(name, namesOf(formula))
  }
  const reads = (name: string, wanted: string, seen: Set<string>): boolean => {
    for (const input of inputs.get(name) ?? []) {
      if (input === wanted) return true
      if (seen.has(input)) continue
      if (reads(input, wanted, seen.add(input))) return true
    }
    return false
  }
  return [...inputs.keys()]
    .filter((name) => reads(name, name, new Set()))
    .map((name) => {
      return {
        path: ['traits', name, 'formula'],
        of: 'value',
        message: 'found a circle of formulas',
      }
    })
}

function tagFaults(path: Path, text: string, { traits }: ProfileDefinition): Fault[] {
  const tops = Object.keys(traits).filter((name) => traits[name].op === 'top')
  let tags: readonly { readonly trait: string }[] = []
  try {
    tags = references(parseExpression(text)).tags
  } catch (error) {
    if (!(error instanceof LimnError)) throw error
  }
  return tags
    .filter(({ trait }) => !tops.includes(trait))
    .map(({ trait }) => {
      const message = `found tag trait "${trait}"; allowed: a trait with op top${hint(trait, tops)}`
      return { path, of: 'value', message }
    })
}

/** No expression reads a list of events. */
function listFaults(path: Path, text: string, { traits }: ProfileDefinition): Fault[] {
  return [...namesOf(text)]
    .filter((name) => traits[name]?.op === 'recent')
    .map((name) => {
      const message = `found "${name}", a list of events; allowed: traits that are a value`
      return { path, of: 'value', message }
    })
}

/** A segment is left by time at known instants only if ages are compared with constants. */
function sinceFaults(path: Path, text: string, { traits }: ProfileDefinition): Fault[] {
  const used = [...namesOf(text)].filter((name) => traits[name]?.op === 'since')
  return used
    .filter((name) => usedInArithmetic(parseExpression(text), name))
    .map((name) => {
      const message = `found "${name}" in arithmetic; allowed: since traits compared with constants`
      return { path, of: 'value', message }
    })
}

function namesOf(text: string): Set<string> {
  try {
    return references(parseExpression(text)).names
  } catch (error) {
    if (error instanceof LimnError) return new Set()
    throw error
  }
}

function checkText(
  path: Path,
  text: string,
  isKnown: (name: string) => boolean,
  names: Iterable<string>,
): Fault[] {
  try {
    const used = references(parseExpression(text)).names
    return [...used]
      .filter((name) => !isKnown(name))
      .map((name) => ({
        path,
        of: 'value',
        message: `found the name "${name}"; unknown here${hint(name, names)}`,
      }))
  } catch (error) {
    if (!(error instanceof LimnError)) throw error
    return [{ path, of: 'value', message: error.message }]
  }
}

function hint(name: string, known: Iterable<string>): string {
  const closest = closestName(name, known)
  return closest === null ? '' : ` (did you mean "${closest}"?)`
}

function isEventName(name: string): boolean {
  return EVENT_NAMES.has(name) || EVENT_PREFIXES.some((prefix) => name.startsWith(prefix))
}

function isProductField(name: string): boolean {
  const [first, field] = name.split('.')
  return first === 'products' && PRODUCT_FIELDS.includes(field)
}

function isProfileName(name: string, names: ReadonlySet<string>): boolean {
  return names.has(name) || name.startsWith('traits.')
}
