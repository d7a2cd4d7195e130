import type { Static } from 'typebox'
import { Type } from 'typebox'
import { PROFILE_PARTS, TRAIT_OPERATIONS } from '../profile/definition.ts'
import { modelSchema } from './model-schema.ts'

import { NAME, closed, duration, expression, names, text } from './schema-parts.ts'

export const traitSchema = Type.Object(
  {
    part: Type.Enum([...PROFILE_PARTS], { description: 'Part of the profile it is shown in.' }),
    op: Type.Enum([...TRAIT_OPERATIONS], { description: 'How it is computed.' }),
    description: text('For people.'),
    unit: text('Unit of the value.'),
    on: Type.Optional(
      names('Event names, message types (`page`, …), `Session Started`, `Session Ended` or `*`.'),
    ),
    where: expression('Only events for which this expression is true.'),
    value: expression('Field or expression that is summed, kept or counted.'),
    text: Type.Optional(Type.Boolean({ description: '`first`, `last`: the value is text.' })),
    window: duration('Sliding window; the lifetime if absent.'),
    resolution: duration(
      'Bucket width, a divisor of the window. Default: 5m (1h), 2h (24h), 1d (7d), 3d (30d).',
    ),
    halfLife: duration('Weights halve in this time (`count`, `sum`, `top`).'),
    k: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        description: '`top`: how many are kept, 5 if absent; `recent`: at most 32, 16 if absent.',
      }),
    ),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 4096,
        description: '`distinct`: most that are counted.',
      }),
    ),
    numerator: Type.Optional(Type.String({ ...NAME, description: '`ratio`: a trait.' })),
    denominator: Type.Optional(Type.String({ ...NAME, description: '`ratio`: a trait.' })),
    formula: expression('`formula`: expression over other traits.'),
    bots: Type.Optional(Type.Boolean({ description: 'Count the events of bots; default false.' })),
  },
  { ...closed, description: 'A declared value of a profile.' },
)

export const segmentSchema = Type.Object(
  {
    description: text('For people.'),
    when: Type.String({
      minLength: 1,
      maxLength: 2000,
      description: 'Expression over traits, `machine.<id>`, `traits.<name>` and `tag(…)`.',
    }),
  },
  { ...closed, description: 'A named predicate over a profile.' },
)

/** The profile definition's file. Machines are files beside it. */
export const profileSchema = Type.Object(
  {
    traits: Type.Record(Type.String(NAME), traitSchema, {
      maxProperties: 512,
      description: 'Traits by name.',
    }),
    segments: Type.Record(Type.String(NAME), segmentSchema, {
      default: {},
      maxProperties: 256,
      description: 'Segments by name.',
    }),
    machines: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      maxItems: 32,
      description: 'Files of state machines, relative to this file.',
    }),
    models: Type.Record(Type.String(NAME), modelSchema, {
      default: {},
      maxProperties: 64,
      description: 'Models by name.',
    }),
  },
  closed,
)

const transition = Type.Object({
  target: Type.Optional(Type.String({ minLength: 1, description: 'State to go to.' })),
  guard: expression('Expression over the event and the profile; taken only where true.'),
  reenter: Type.Optional(Type.Boolean({ description: 'Restart the delays of the same state.' })),
})
const candidates = Type.Union([
  Type.String({ minLength: 1 }),
  transition,
  Type.Array(transition, { minItems: 1, maxItems: 16 }),
])

/**
 * A machine's file: a flat XState v5 machine. Keys are left open here: the machine compiler names
 * what it does not support.
 */
export const machineSchema = Type.Object({
  id: Type.String({ ...NAME, description: 'Name, as in `machine.<id>`.' }),
  description: text('For people.'),
  initial: Type.String({ minLength: 1, description: 'State of a new profile.' }),
  states: Type.Record(
    Type.String({ pattern: '^[^.#]+$', allowed: 'a state name without "." and "#"' }),
    Type.Object({
      description: text('For people.'),
      on: Type.Optional(
        Type.Record(Type.String(), candidates, {
          description: 'Event name, message type, session signal or `*` → transitions.',
        }),
      ),
      after: Type.Optional(
        Type.Record(Type.String(), candidates, {
          description: 'Duration (`30m`, or ms) in the state → transitions.',
        }),
      ),
    }),
    { maxProperties: 250, description: 'States by name.' },
  ),
})

export type ProfileFile = Static<typeof profileSchema>
