import { useEffect } from 'preact/hooks'
import { useSignalEffect } from '@preact/signals'
import { startOverview } from './live/overview.ts'
import { load, selected } from './live/portrait.ts'
import { close, connect, connection, connectNow } from './live/socket.ts'
import { token } from './live/token.ts'
import { Header } from './view/header.tsx'
import { Overview } from './view/overview.tsx'
import { Portrait } from './view/portrait.tsx'
import { Shoppers } from './view/shoppers.tsx'
import { TokenForm } from './view/token-form.tsx'

export function App() {
  if (token.value === '') return <TokenForm />
  return <Console key={token.value} />
}

function Console() {
  useEffect(() => {
    const stop = startOverview()
    connect()
    return () => {
      stop()
      close()
    }
  }, [])
  useSignalEffect(() => {
    const id = selected.peek()
    if (connection.value === 'open' && id !== '') load(id).catch(() => undefined)
  })
  return (
    <>
      <Header />
      <div class="banner" role="status" aria-live="polite" hidden={connection.value !== 'lost'}>
        {connection.value === 'lost' && (
          <>
            <span>Connection lost. Trying again…</span>
            <button type="button" onClick={connectNow}>
              Try now
            </button>
          </>
        )}
      </div>
      <main>
        <Overview />
        <div class="shop">
          <Shoppers />
          <Portrait />
        </div>
      </main>
    </>
  )
}
