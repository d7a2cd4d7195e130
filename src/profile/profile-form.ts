import type { CompiledDefinition, TraitShape } from './compile.ts'
import { PROFILE_PARTS } from './definition.ts'
import type { ProfilePart } from './definition.ts'
import { fragment, fragmentTable } from './json-bytes.ts'
import type { Fragment, FragmentTable } from './json-bytes.ts'
import { columnOf } from './layout.ts'

/** How a trait's value is found. */
export const FIELD = { number: 0, text: 1, top: 2, recent: 3 } as const
/** Forms of a field's name in {@link FieldList.names}. */
export const NAME_FORMS = 3

/** Traits in the order of the text; arrays of numbers, because they are walked for each answer. */
export interface FieldList {
  readonly length: number
  /** A {@link FIELD}. */
  readonly kinds: Uint8Array
  /** The trait's number; of a text, its column. */
  readonly sources: Uint32Array
  /** For each field: its quoted name and what comes before the value; name and 0; name and null. */
  readonly names: FragmentTable
}

export interface PartForm {
  readonly part: ProfilePart
  readonly open: Fragment
  readonly fields: FieldList
}

/** Everything in the text of a definition's profiles that is the same for all of them, as bytes. */
export interface ProfileForm {
  readonly traits: FieldList
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

function fieldsOf(shapes: readonly TraitShape[]): FieldList {
  const kinds = shapes.map(({ definition: { op, text } }) => {
    if (op === 'top') return FIELD.top
    if (op === 'recent') return FIELD.recent
    return text === true ? FIELD.text : FIELD.number
  })
  const names = shapes.map(({ name }, i) => `${i > 0 ? ',' : ''}${JSON.stringify(name)}:`)
  return {
    length: shapes.length,
    kinds: Uint8Array.from(kinds),
    sources: Uint32Array.from(shapes, (shape, i) =>
      kinds[i] === FIELD.text ? columnOf(shape.a) : shape.index,
    ),
    names: fragmentTable(names.flatMap((name) => [name, `${name}0`, `${name}null`])),
  }
}
