import { events, openedAs, problem, profile, selected } from '../live/portrait.ts'
import { at } from './format.ts'
import { Machines } from './machines.tsx'
import { PredictionCard } from './prediction.tsx'
import { Segments } from './segments.tsx'
import { Timeline } from './timeline.tsx'
import { Traits } from './traits.tsx'

export function Portrait() {
  const shown = profile.value
  if (selected.value === '') {
    return (
      <section class="card empty" aria-label="Portrait">
        <h2>No shopper chosen</h2>
        <p class="quiet">
          Choose one of the active shoppers, or search for an id, to watch the portrait change.
        </p>
      </section>
    )
  }
  if (shown === null) {
    return (
      <section class="card empty" aria-label="Portrait" aria-live="polite">
        <h2>{selected.value}</h2>
        <p class="quiet">{problem.value === '' ? 'Loading…' : problem.value}</p>
      </section>
    )
  }
  return (
    <section class="portrait" aria-label={`Portrait of ${selected.value}`} key={selected.value}>
      <div class="card who">
        <h2 class="id">{selected.value}</h2>
        {openedAs.value !== '' && (
          <p class="notice" role="status">
            <code>{openedAs.value}</code> has logged in; this is the user’s portrait.
          </p>
        )}
        <p class="quiet">
          First seen {at(shown.firstSeenAt)} · last seen {at(shown.lastSeenAt)}
        </p>
        <Segments names={shown.segments ?? []} />
        <Links links={shown.links ?? []} />
      </div>
      <PredictionCard />
      <Machines />
      <div class="parts">
        <Traits title="Attributes" values={shown.attributes} />
        <Traits title="Interests" values={shown.interests} />
        <Traits title="Consumption" values={shown.consumption} />
        <Traits title="Behaviour" values={shown.behaviour} />
        <Traits title="Social" values={shown.social} />
        <Timeline events={events.value} />
      </div>
    </section>
  )
}

function linkText(link: unknown): string {
  if (typeof link === 'string') return link
  const { id, kind, key } = (link ?? {}) as { id?: string; kind?: string; key?: string }
  return id ?? (key === undefined ? JSON.stringify(link) : `${kind ?? 'anonymous'}:${key}`)
}

function Links({ links }: { readonly links: readonly unknown[] }) {
  if (links.length === 0) return null
  return (
    <p class="quiet links">
      Joined:{' '}
      {links.map((link) => (
        <code key={linkText(link)}>{linkText(link)}</code>
      ))}
    </p>
  )
}
