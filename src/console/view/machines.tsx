import { profile, transitions } from '../live/portrait.ts'
import { clockAt, title } from './format.ts'

/** The order to draw states in; a machine not listed shows the states seen so far. */
const ORDERS: Readonly<Record<string, readonly string[]>> = {
  session: ['browsing', 'product', 'cart', 'checkout', 'purchased', 'abandoned'],
  lifecycle: ['prospect', 'new', 'active', 'loyal', 'at_risk', 'lost', 'won_back'],
}

function statesOf(machine: string, current: string): readonly string[] {
  const known = ORDERS[machine]
  if (known?.includes(current) === true) return known
  const seen = [...transitions.value].reverse().filter((t) => t.machine === machine)
  return [...new Set([...seen.flatMap((t) => [t.from, t.to]), current])]
}

export function Machines() {
  const machines = Object.entries(profile.value?.machines ?? {})
  return (
    <article class="card machines">
      <h2>States</h2>
      {machines.map(([machine, current]) => (
        <div key={machine}>
          <h3>{title(machine)}</h3>
          <ol class="steps">
            {statesOf(machine, current).map((state) => (
              <li key={state} aria-current={state === current ? 'step' : undefined}>
                {title(state)}
              </li>
            ))}
          </ol>
        </div>
      ))}
      <ul class="history" aria-live="polite" aria-label="Transitions">
        {transitions.value.slice(0, 4).map((t) => (
          <li key={`${t.time} ${t.machine}`}>
            <time>{clockAt(t.time)}</time> {title(t.from)} → <b>{title(t.to)}</b>
          </li>
        ))}
      </ul>
    </article>
  )
}
