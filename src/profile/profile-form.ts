import type { CompiledDefinition, TraitShape } from './compile.ts'
import { PROFILE_PARTS } from './definition.ts'
import type { ProfilePart } from './definition.ts'
import { fragment } from './json-bytes.ts'
import type { Fragment } from './json-bytes.ts'

/** A trait's place in the text: what precedes its value, and how that is read. */
export interface Field {
  readonly shape: TraitShape
  readonly kind: 'number' | 'text' | 'top'
  /** The quoted name, and a comma before it where another field precedes. */
  readonly name: Fragment
}

export interface PartForm {
  readonly part: ProfilePart
  readonly open: Fragment
  readonly fields: readonly Field[]
}

/** Everything in the text of a definition's profiles that is the same for all of them, as bytes. */
export interface ProfileForm {
  readonly traits: readonly Field[]
  readonly parts: readonly PartForm[]
  readonly segments: readonly Fragment[]
  /** By machine, then by state; the last is for a profile whose machine has not begun. */
  readonly machines: readonly (readonly Fragment[])[]
}

const forms = new WeakMap<CompiledDefinition, ProfileForm>()

/** The definition's form, made once. */
export function profileForm(compiled: CompiledDefinition): ProfileForm {
  const known = forms.get(compiled)
  if (known !== undefined) return known
  const made = makeForm(compiled)
  forms.set(compiled, made)
  return made
}

function makeForm(compiled: CompiledDefinition): ProfileForm {
  const parts = PROFILE_PARTS.map((part) => {
    const own = compiled.traits.filter((shape) => shape.definition.part === part)
    return { part, open: fragment(`,"${part}":{`), fields: fieldsOf(own) }
  })
  const machines = compiled.machines.map(({ id, stateNames, initial }, i) => {
    const head = `${i > 0 ? ',' : ''}${JSON.stringify(id)}:`
    return [...stateNames, stateNames[initial]].map((state) =>
      fragment(head + JSON.stringify(state)),
    )
  })
  return {
    traits: fieldsOf(compiled.traits),
    parts,
    segments: compiled.segmentNames.map((name) => fragment(JSON.stringify(name))),
    machines,
  }
}

function fieldsOf(shapes: readonly TraitShape[]): Field[] {
  return shapes.map((shape, i) => {
    const { op, text } = shape.definition
    const kind = op === 'top' ? 'top' : text === true ? 'text' : 'number'
    const name = fragment(`${i > 0 ? ',' : ''}${JSON.stringify(shape.name)}:`)
    return { shape, kind, name }
  })
}
