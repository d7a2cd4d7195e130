import { signal } from '@preact/signals'

const STORAGE_KEY = 'limn.token'

/** Takes the token from `#token=…` out of the address, so that it is not bookmarked or shared. */
function takeFromAddress(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token')
  if (token === null || token === '') return null
  sessionStorage.setItem(STORAGE_KEY, token)
  history.replaceState(null, '', location.pathname + location.search)
  return token
}

export const token = signal(takeFromAddress() ?? sessionStorage.getItem(STORAGE_KEY) ?? '')
/** True after the server refused the token that was used last. */
export const refused = signal(false)

addEventListener('hashchange', () => {
  const fresh = takeFromAddress()
  if (fresh !== null) acceptToken(fresh)
})

export function acceptToken(value: string): void {
  sessionStorage.setItem(STORAGE_KEY, value)
  refused.value = false
  token.value = value
}

export function refuseToken(): void {
  sessionStorage.removeItem(STORAGE_KEY)
  refused.value = true
  token.value = ''
}
