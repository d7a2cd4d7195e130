import { useState } from 'preact/hooks'
import { acceptToken, refused } from '../live/token.ts'

export function TokenForm() {
  const [value, setValue] = useState('')
  return (
    <main class="gate">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          if (value.trim() !== '') acceptToken(value.trim())
        }}
      >
        <h1>
          <img src="./icon.svg" alt="" width="28" height="28" /> Limn
        </h1>
        <label for="token">Read token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          required
          value={value}
          aria-describedby="token-help"
          onInput={(event) => setValue(event.currentTarget.value)}
        />
        <p
          id="token-help"
          class={refused.value ? 'warning' : 'quiet'}
          role={refused.value ? 'alert' : undefined}
        >
          {refused.value
            ? 'The server did not accept that token. Check that it has the scope “read”.'
            : 'Printed at the first start. It stays in this tab only.'}
        </p>
        <button type="submit" class="primary">
          Open the console
        </button>
      </form>
    </main>
  )
}
