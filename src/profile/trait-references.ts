import type { ProfileDefinition } from './definition.ts'
import { parseExpression, references } from './expression.ts'
import { invalid } from './trait-error.ts'

/**
 * Ratios and formulas name other traits, without circles and no lists of events. Throws
 * `ERR_TRAIT_INVALID`.
 */
export function checkReferences(definition: ProfileDefinition): void {
  const done = new Set<string>()
  const visit = (name: string, path: readonly string[]): void => {
    if (done.has(name)) return
    if (path.includes(name)) throw invalid(name, `refers to itself: ${[...path, name].join(' → ')}`)
    for (const other of referredTraits(definition, name)) {
      if (definition.traits[other].op === 'recent') {
        throw invalid(name, `reads "${other}", which is a list of events and not a value`)
      }
      visit(other, [...path, name])
    }
    done.add(name)
  }
  for (const name of Object.keys(definition.traits)) visit(name, [])
}

/** The traits that a ratio or formula reads. */
export function referredTraits(definition: ProfileDefinition, name: string): string[] {
  const trait = definition.traits[name]
  if (trait.op === 'ratio') {
    const { numerator, denominator } = trait
    if (numerator === undefined || denominator === undefined) {
      throw invalid(name, 'ratio needs numerator and denominator')
    }
    for (const other of [numerator, denominator]) {
      if (!Object.hasOwn(definition.traits, other))
        throw invalid(name, `there is no trait "${other}"`)
    }
    return [numerator, denominator]
  }
  if (trait.op !== 'formula') return []
  if (trait.formula === undefined) throw invalid(name, 'formula needs a formula')
  const { names, tags } = references(parseExpression(trait.formula))
  const all = [...names, ...tags.map((tag) => tag.trait)]
  return all.filter((other) => Object.hasOwn(definition.traits, other))
}
