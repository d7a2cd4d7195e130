import { Type } from 'typebox'

export const closed = { additionalProperties: false } as const

/** `allowed` is our own keyword: how an error names what the pattern takes. */
export const NAME = { pattern: '^[a-z][a-z0-9_]{0,62}$', allowed: 'a name in lower_snake_case' }
export const DURATION = {
  pattern: '^([0-9]+(ms|[smhdw]))+$',
  allowed: 'a duration such as 30m, 24h or 7d',
}

export function text(description: string) {
  return Type.Optional(Type.String({ minLength: 1, maxLength: 500, description }))
}

export function expression(description: string) {
  return Type.Optional(Type.String({ minLength: 1, maxLength: 2000, description }))
}

export function duration(description: string) {
  return Type.Optional(Type.String({ ...DURATION, description }))
}

/** One name or a list of names. */
export function names(description: string) {
  return Type.Union(
    [
      Type.String({ minLength: 1 }),
      Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 64 }),
    ],
    { description },
  )
}
