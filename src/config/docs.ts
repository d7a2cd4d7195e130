/** Writes docs/config.md from the schemas: `node dist/src/config/docs.js`. */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXPRESSION_FUNCTIONS } from '../profile/expression-functions.ts'
import { variableName } from './environment.ts'
import { modelSchema } from './model-schema.ts'
import { machineSchema, profileSchema } from './profile-schema.ts'
import { segmentSchema, traitSchema } from './profile-schema.ts'
import { packageRoot } from './server-config.ts'
import { serverSchema } from './server-schema.ts'
import type { SchemaNode } from './validation.ts'
import { describeAllowed } from './validation.ts'

/** The text of docs/config.md. */
export function configDocument(): string {
  const parts = [INTRODUCTION]
  for (const [section, schema] of Object.entries<SchemaNode>(serverSchema.properties)) {
    parts.push(`### ${section}`, schema.description ?? '')
    parts.push(serverTable(section, schema.properties ?? {}))
  }
  parts.push(BOOTSTRAP, PROFILE, keyTable(profileSchema))
  parts.push('### A trait', keyTable(traitSchema), OPERATIONS)
  parts.push('### A segment', keyTable(segmentSchema))
  parts.push('### A model', keyTable(modelSchema))
  parts.push('### A machine', MACHINE, keyTable(machineSchema))
  parts.push(EXPRESSIONS, functionTable())
  return `${parts.join('\n\n')}\n`
}

const INTRODUCTION = `# Configuration

This file is generated from the schemas in \`src/config\`; \`npm test\` checks that it is current.

Limn reads two YAML files: the **server file** (\`--config <file>\`; none is needed, every key has a
default) and the **profile definition** that it names. An unknown key or a wrong value stops the
start with file, line and column, what was found and what is allowed:

\`\`\`
config/limn.yaml:12:9: server.port: found "abc"; allowed: integer 0–65535
\`\`\`

An environment variable \`LIMN_<SECTION>_<KEY>\` overrides the file, an option of the command line
overrides both. Lists in variables are separated by commas. A variable of a known section that does
not exist stops the start too.

## Server file`

const BOOTSTRAP = `### Keys for a first start

\`LIMN_BOOTSTRAP_WRITE_KEY\`, \`LIMN_BOOTSTRAP_READ_TOKEN\` and \`LIMN_BOOTSTRAP_ADMIN_TOKEN\` make keys
with these values at the first start. They stand in the environment only.`

const PROFILE = `## Profile definition

Shipped: \`config/profile.yaml\` with \`config/machines/*.yaml\`. Names of traits, segments, machines and
models are in lower_snake_case.`

const OPERATIONS = `| op | value | needs | may have |
|---|---|---|---|
| \`count\` | number of events | \`on\` | \`where\`, \`window\` or \`halfLife\` |
| \`sum\` | sum of \`value\` | \`on\`, \`value\` | \`where\`, \`window\` or \`halfLife\` |
| \`mean\`, \`min\`, \`max\` | of \`value\` | \`on\`, \`value\` | \`where\`, \`window\` |
| \`first\`, \`last\` | \`value\` of the event with the earliest, the latest event time | \`on\`, \`value\` | \`where\`, \`text\` |
| \`since\` | seconds since the last event | \`on\` | \`where\` |
| \`distinct\` | number of different texts of \`value\` | \`on\`, \`value\` | \`where\`, \`limit\` |
| \`top\` | heaviest texts of \`value\`, with weights | \`on\`, \`value\`, \`halfLife\` | \`where\`, \`k\` |
| \`recent\` | the last \`k\` events: name, time and, where given, \`value\` | \`on\` | \`where\`, \`k\`, \`value\` |
| \`ratio\` | \`numerator / denominator\`; null when that is 0 | both | |
| \`formula\` | an expression over traits | \`formula\` | |

\`value\` is a field (\`revenue\`, \`properties.any.path\`, \`traits.any\`), a field of each product of an
order (\`products.price\`, \`products.quantity\`, \`products.product_id\`, \`products.category\`,
\`products.brand\`), or an expression over fields. Of \`Session Ended\`, \`value\` is the session's length
in seconds. All but \`ratio\` and \`formula\` leave out the events of bots unless \`bots: true\`.

#### Sequences of events

\`recent\` is the input of learners of sequences (GRU, LSTM):

\`\`\`yaml
recent_events: { part: behaviour, op: recent, on: '*', k: 16, value: price }
\`\`\`

In the profile it is a list of \`{"event", "time", "value"}\`, newest last: the name of a track event,
the type of any other message; the event's time, to the second; and a 32-bit number, null where
the event has none (no key \`value\` where the trait declares none). The order is that of arrival, so a
late event is the newest step with its own, older time. No expression, ratio or segment reads it. It
costs each profile 8 bytes an event, 12 with \`value\`, so the shipped definition has none.

#### Features

Models see a trait as one feature of its name, but for these. \`first\` and \`last\` with \`text: true\` are
categories. \`top\` gives \`<name>.weight\` and \`<name>.share\` of the heaviest text and, as a category,
\`<name>.first\`, the text itself. \`recent\` gives each of its \`k\` steps, oldest first, as
\`<name>.<step>.event\` (a category), \`<name>.<step>.seconds\` (from the event to now) and
\`<name>.<step>.value\`; the newest event is always step \`k − 1\`, and steps that have not come yet are
missing. A category is a 24-bit hash of the text, the same in every process: of 1,000 different texts,
two share one with a chance of 3 %.`

const MACHINE = `A flat XState v5 machine in a file of its own. Transitions are tried in order; the first whose guard
holds is taken. Without a \`target\` nothing changes; the state itself as \`target\` restarts its delays
only with \`reenter: true\`. An event's own transitions come before those of \`track\` (any event with
a name) and of \`*\` (anything).`

const EXPRESSIONS = `## Expressions

The language of \`where\`, \`when\`, \`guard\`, \`formula\` and \`value\`.

\`\`\`
revenue > 100 and currency in ('EUR', 'USD')
seconds_since_order > 30d or machine.lifecycle == 'lost'
not contains(path, '/help') and tag('top_categories', 'shoes') >= 0.5
\`\`\`

From loosest to tightest: \`or\`, \`and\`, \`not\`, comparison (\`== != < <= > >= in (…)\`, \`not in (…)\`; they
do not chain), \`+ -\`, \`* /\`, unary \`-\`. Numbers, \`'texts'\` (a quote inside is written twice), \`true\`,
\`false\`, \`null\`. A duration such as \`90s\`, \`5m\`, \`24h\`, \`30d\`, \`2w\` is its number of seconds.

\`x == null\` and \`x != null\` ask for presence; every other comparison with null is false; arithmetic
with null, with text, or without a finite result is null. Values of different types are unequal, and
neither is less.

Names: in \`where\` and \`value\` the event's fields, \`event\` (its name), \`type\`, \`properties.…\`,
\`traits.…\`, \`context.…\`; in \`formula\` and \`when\` traits, \`machine.<id>\` and \`traits.…\`; in \`guard\` all
of these, the event's first.`

function serverTable(section: string, properties: Readonly<Record<string, SchemaNode>>): string {
  const rows = Object.entries(properties).map(([key, schema]) => {
    const cells = [`\`${key}\``, allowedCell(schema), defaultCell(schema)]
    cells.push(`\`${variableName(section, key)}\``, schema.description ?? '')
    return `| ${cells.join(' | ')} |`
  })
  return ['| key | allowed | default | environment | |', '|---|---|---|---|---|', ...rows].join(
    '\n',
  )
}

function keyTable(schema: SchemaNode): string {
  const rows = keyRows(schema, '')
  return ['| key | allowed | default | |', '|---|---|---|---|', ...rows].join('\n')
}

function keyRows(schema: SchemaNode, prefix: string): string[] {
  const required = new Set(schema.required)
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) => {
    const name = `${prefix}${key}`
    const needed = required.has(key) && child.default === undefined && !hasDefaults(child)
    const fallback = needed ? 'required' : defaultCell(child)
    const row = `| \`${name}\` | ${allowedCell(child)} | ${fallback} | ${child.description ?? ''} |`
    const [named] = Object.values(child.patternProperties ?? {})
    const below = named === undefined || prefix !== '' ? [] : nestedRows(named, `${name}.<name>.`)
    return [row, ...keyRows(child, `${name}.`), ...below]
  })
}

/** Traits, segments and models have tables of their own; states of a machine are shown in place. */
function nestedRows(schema: SchemaNode, prefix: string): string[] {
  const own: readonly SchemaNode[] = [traitSchema, segmentSchema, modelSchema]
  return own.some((other) => other.description === schema.description)
    ? []
    : keyRows(schema, prefix)
}

function hasDefaults(schema: SchemaNode): boolean {
  const required = schema.required ?? []
  const properties = schema.properties ?? {}
  return required.length > 0 && required.every((key) => properties[key].default !== undefined)
}

function allowedCell(schema: SchemaNode): string {
  return describeAllowed(schema).replaceAll('|', '\\|')
}

function defaultCell(schema: SchemaNode): string {
  if (schema.default === undefined) return ''
  const { default: value } = schema
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function functionTable(): string {
  const rows = [...EXPRESSION_FUNCTIONS].map(([name, { description }]) => {
    return `| \`${name}\` | ${description} |`
  })
  const tag = "| `tag` | tag('trait', 'text'): the weight of a text in a `top` trait |"
  return ['| function | |', '|---|---|', ...rows, tag].join('\n')
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  writeFileSync(join(packageRoot(), 'docs', 'config.md'), configDocument())
}
