import { overview } from '../live/overview.ts'
import { connection } from '../live/socket.ts'
import { count } from './format.ts'

function readiness(): { tone: string; text: string } {
  if (connection.value !== 'open')
    return { tone: 'bad', text: connection.value === 'lost' ? 'Offline' : 'Connecting' }
  const shards = overview.value.shards ?? []
  if (shards.length === 0) return { tone: 'wait', text: 'Waiting' }
  return shards.every(({ state }) => state === 'live')
    ? { tone: 'good', text: 'Ready' }
    : { tone: 'wait', text: 'Not ready' }
}

export function Header() {
  const { profiles, eventsTotal, eventsPerSecond } = overview.value
  const { tone, text } = readiness()
  return (
    <header class="top">
      <h1>
        <img src="./icon.svg" alt="" width="28" height="28" /> Limn
      </h1>
      <span class={`ready ${tone}`} role="status">
        <i aria-hidden="true" />
        {text}
      </span>
      <dl class="totals">
        <div>
          <dt>Profiles</dt>
          <dd>{count(profiles)}</dd>
        </div>
        <div>
          <dt>Events</dt>
          <dd>{count(eventsTotal)}</dd>
        </div>
        <div>
          <dt>Events/s</dt>
          <dd>{count(eventsPerSecond)}</dd>
        </div>
      </dl>
    </header>
  )
}
