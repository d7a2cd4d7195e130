import { useState } from 'preact/hooks'
import { recent } from '../live/overview.ts'
import { open, selected } from '../live/portrait.ts'
import { clockAt } from './format.ts'

export function Shoppers() {
  const [value, setValue] = useState('')
  return (
    <nav class="card shoppers" aria-label="Shoppers">
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          if (value.trim() !== '') open(value.trim())
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
            <button type="button" aria-current={selected.value === id} onClick={() => open(id)}>
              <b>{id}</b>
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
