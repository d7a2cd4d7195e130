import { useState } from 'preact/hooks'
import { recent } from '../live/overview.ts'
import { open, selected } from '../live/portrait.ts'
import { clockAt } from './format.ts'

/** Opens the portrait, and brings it into sight where the page is one narrow column. */
function choose(id: string): void {
  open(id)
  if (!matchMedia('(max-width: 820px)').matches) return
  document.querySelector('.portrait, .empty')?.scrollIntoView({ behavior: 'smooth' })
}

export function Shoppers() {
  const [value, setValue] = useState('')
  return (
    <nav class="card shoppers" aria-label="Shoppers">
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          if (value.trim() !== '') choose(value.trim())
        }}
      >
        <label for="search">Find a shopper</label>
        <div class="row">
          <input
            id="search"
            type="search"
            placeholder="user:… or anonymous:…"
            title="user:…, anonymous:… or a plain user id"
            autocomplete="off"
            spellcheck={false}
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
          <button type="submit" class="primary">
            Open
          </button>
        </div>
      </form>
      <h2>Active now</h2>
      <ul>
        {recent.value.map(({ id, event, time }) => (
          <li key={id}>
            <button type="button" aria-current={selected.value === id} onClick={() => choose(id)}>
              <b title={id}>
                <small>{id.slice(0, id.indexOf(':') + 1)}</small>
                {id.slice(id.indexOf(':') + 1)}
              </b>
              <span>{event}</span>
              <time>{clockAt(time)}</time>
            </button>
          </li>
        ))}
      </ul>
      {recent.value.length === 0 && (
        <p class="quiet">Nobody yet. Send an event and the shopper appears here.</p>
      )}
    </nav>
  )
}
