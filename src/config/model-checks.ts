import { NUMBER_FIELDS, STRING_FIELDS } from '../event/record.ts'
import type { ModelDefinition } from '../model/definition.ts'
import { modelFaults } from '../model/definition-checks.ts'
import { compileDefinition } from '../profile/compile.ts'
import type { ProfileDefinition } from '../profile/definition.ts'
import { closestName } from '../profile/expression.ts'
import { featuresOf } from '../profile/feature-vector.ts'
import { eventExpressionFaults, rowExpressionFaults } from './profile-checks.ts'
import type { Fault, Path } from './validation.ts'

/** What of the models the schema cannot say; the definition of profiles has been checked. */
export function modelDefinitionFaults(
  models: Readonly<Record<string, ModelDefinition>>,
  definition: ProfileDefinition,
): Fault[] {
  if (Object.keys(models).length === 0) return []
  const features = featuresOf(compileDefinition(definition)).map(({ name }) => name)
  return Object.entries(models).flatMap(([name, model]) => {
    const path = ['models', name]
    return [
      ...modelFaults(model).map((fault) => ({ ...fault, path: pathOf(path, fault.path) })),
      ...expressionFaults(path, model, definition),
      ...featureFaults(path, model, features),
    ]
  })
}

function expressionFaults(
  path: Path,
  { target, exclude }: ModelDefinition,
  definition: ProfileDefinition,
): Fault[] {
  const { where, value } = target
  const faults: Fault[] = []
  if (where !== undefined)
    faults.push(...eventExpressionFaults([...path, 'target', 'where'], where))
  if (value !== undefined) {
    const at = [...path, 'target', 'value']
    faults.push(...eventExpressionFaults(at, value), ...valueFaults(at, target, value))
  }
  if (exclude?.when !== undefined) {
    faults.push(...rowExpressionFaults([...path, 'exclude', 'when'], exclude.when, definition))
  }
  return faults
}

/** A field of the wrong kind would be missing at every event. */
function valueFaults(path: Path, { label }: ModelDefinition['target'], value: string): Fault[] {
  const isText = STRING_FIELDS.some((name) => name === value)
  const isNumber = NUMBER_FIELDS.some((name) => name === value)
  if (label === 'sum' ? !isText : !isNumber) return []
  const [found, allowed] = isText ? ['text', 'a number'] : ['a number', 'text']
  const message = `found "${value}", which is ${found}; allowed with ${label}: ${allowed}`
  return [{ path, of: 'value', message }]
}

function featureFaults(path: Path, { features }: ModelDefinition, known: readonly string[]) {
  const faults: Fault[] = []
  const check = (at: Path, name: string, options: { readonly prefix: boolean }): void => {
    const start = options.prefix && name.endsWith('*') ? name.slice(0, -1) : null
    const found = start === null ? known.includes(name) : known.some((n) => n.startsWith(start))
    if (found) return
    const closest = start === null ? closestName(name, known) : null
    const hint = closest === null ? '' : ` (did you mean "${closest}"?)`
    const allowed = options.prefix ? 'names of features, or beginnings with *' : 'names of features'
    faults.push({ path: at, of: 'value', message: `found "${name}"; allowed: ${allowed}${hint}` })
  }
  for (const key of ['include', 'exclude', 'log'] as const) {
    const names = features?.[key] ?? []
    names.forEach((name, i) =>
      check([...path, 'features', key, i], name, { prefix: key !== 'log' }),
    )
  }
  const pairs = features?.cross ?? []
  pairs.forEach((pair, i) =>
    pair.forEach((name, j) => check([...path, 'features', 'cross', i, j], name, { prefix: false })),
  )
  return faults
}

/** Indices of lists are numbers in a file's paths. */
function pathOf(model: Path, path: readonly string[]): Path {
  return [...model, ...path.map((key) => (/^\d+$/.test(key) ? Number(key) : key))]
}
