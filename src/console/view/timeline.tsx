import type { StoredEvent } from '../live/types.ts'
import { clockAt } from './format.ts'

function nameOf(event: StoredEvent): string {
  const { event: name, name: page, type } = event.message ?? {}
  return String(name ?? page ?? type ?? 'event')
}

export function Timeline({ events }: { readonly events: readonly StoredEvent[] }) {
  return (
    <article class="card timeline">
      <h2>Last events</h2>
      <ol>
        {events.map((event, index) => (
          <li key={event.position ?? index}>
            <details>
              <summary>
                <b>{nameOf(event)}</b>
                <time>{clockAt(event.message?.['timestamp'] ?? event.receivedAt)}</time>
              </summary>
              <pre>{JSON.stringify(event.message, null, 2)}</pre>
            </details>
          </li>
        ))}
      </ol>
      {events.length === 0 && <p class="quiet">No events kept.</p>}
    </article>
  )
}
