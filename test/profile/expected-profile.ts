import { RecordCursor } from '../../src/event/record-cursor.ts'
import { PROFILE_PARTS } from '../../src/profile/definition.ts'
import type { ProfileDefinition } from '../../src/profile/definition.ts'
import { ReferenceExpressions } from './reference-expressions.ts'
import { ReferenceProfile } from './reference.ts'

/** A profile as JSON without what the records do not say: id, kind, position and links. */
export type ExpectedProfile = Readonly<Record<string, unknown>>

export type ExpectProfile = (records: readonly Uint8Array[], at: number) => ExpectedProfile | null

/**
 * Gives `expectedProfile(records, at)`: what a profile is at an instant, by definition. That is the plain
 * fold of its records that had arrived by then, in order of (arrival, place in the list), with what
 * fell due by then; null where no event had arrived. `records` are the profile's, each in bytes of its
 * own, in the order of the journal; kinds other than event and timer are passed over.
 */
export function profileExpecter(definition: ProfileDefinition): ExpectProfile {
  const expressions = new ReferenceExpressions()
  return (records, at) => expectedProfile(records, at, { definition, expressions })
}

function expectedProfile(
  records: readonly Uint8Array[],
  at: number,
  by: { readonly definition: ProfileDefinition; readonly expressions: ReferenceExpressions },
): ExpectedProfile | null {
  const cursor = new RecordCursor()
  const arrived = records
    .map((bytes) => ({ bytes, arrival: cursor.over(bytes).at(0).arrivalTime }))
    .filter(({ arrival }) => arrival <= at)
    .sort((a, b) => a.arrival - b.arrival)
  const folded = new ReferenceProfile(by.definition, by.expressions)
  for (const { bytes } of arrived) folded.applyRecord(bytes)
  return folded.firstSeen === 0 ? null : profileOf(folded.asOf(at), by.definition, at)
}

/** A reference profile in the form of {@link ExpectedProfile}; give it advanced to `at`. */
export function profileOf(
  profile: ReferenceProfile,
  definition: ProfileDefinition,
  at: number,
): ExpectedProfile {
  const now = Math.max(at, profile.clock)
  const names = Object.keys(definition.traits)
  const parts = PROFILE_PARTS.map((part): [string, Record<string, unknown>] => {
    const own = names.filter((name) => definition.traits[name].part === part)
    return [part, Object.fromEntries(own.map((name) => [name, profile.trait(name, now)]))]
  })
  const found = Object.fromEntries(parts)
  found.attributes = { ...found.attributes, ...profile.identity.attributes() }
  const groups = profile.identity.groups()
  if (groups.length > 0) found.social = { ...found.social, groups }
  return {
    firstSeenAt: new Date(profile.firstSeen).toISOString(),
    lastSeenAt: new Date(profile.lastSeen > 0 ? profile.lastSeen : profile.clock).toISOString(),
    ...found,
    machines: { ...profile.states },
    segments: Object.keys(definition.segments).filter((name) => profile.isInSegment(name, now)),
  }
}

/** Numbers are written with six decimals, and sums in windows kept in 32 bits. */
const TOLERANCE = 2e-6
const RELATIVE_TOLERANCE = 1e-6

/** Where a profile's JSON differs from the expected one, such as `behaviour.events: 3, not 4`. */
export function profileDifferences(found: unknown, expected: unknown, path = ''): string[] {
  if (typeof found === 'number' && typeof expected === 'number') {
    const near = Math.abs(found - expected) <= TOLERANCE + Math.abs(expected) * RELATIVE_TOLERANCE
    return near ? [] : [`${path}: ${found}, not ${expected}`]
  }
  if (!isObject(found) || !isObject(expected)) {
    if (Object.is(found, expected)) return []
    return [`${path}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`]
  }
  const names = path === '' ? Object.keys(expected) : Object.keys({ ...found, ...expected })
  return names.flatMap((name) => {
    return profileDifferences(found[name], expected[name], path === '' ? name : `${path}.${name}`)
  })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
