import { refuseToken, token } from './token.ts'

export class RequestError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

interface ErrorBody {
  readonly error?: { readonly message?: string }
}

/** Reads JSON with the session's token; 401 and 403 lead back to the form that asks for a token. */
export async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { authorization: `Bearer ${token.value}` } })
  if (response.status === 401 || response.status === 403) refuseToken()
  const body = (await response.json().catch(() => ({}))) as T & ErrorBody
  if (response.ok) return body
  throw new RequestError(
    response.status,
    body.error?.message ?? `The server answered ${response.status}.`,
  )
}
