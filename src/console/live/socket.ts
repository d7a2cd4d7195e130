import { signal } from '@preact/signals'
import { getJson } from './request.ts'
import { token } from './token.ts'

export type Connection = 'connecting' | 'open' | 'lost'
export const connection = signal<Connection>('connecting')

const FIRST_DELAY_MS = 500
const LAST_DELAY_MS = 15_000

interface Incoming {
  readonly topic: string
  readonly time: number
  readonly data: unknown
}
type Listener = (data: unknown, time: number) => void

const listeners = new Map<string, Listener>()
let socket: WebSocket | null = null
let attempts = 0
let timer = 0

/** Listens to a topic until the returned function is called; survives reconnects. */
export function subscribe(topic: string, listener: Listener): () => void {
  listeners.set(topic, listener)
  send({ subscribe: [topic] })
  return () => {
    if (listeners.get(topic) !== listener) return
    listeners.delete(topic)
    send({ unsubscribe: [topic] })
  }
}

function send(command: object): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command))
}

export function connect(): void {
  close()
  if (token.value === '') return
  const url = new URL('/v1/live', location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.searchParams.set('token', token.value)
  url.searchParams.set('topics', [...listeners.keys()].join(','))
  const current = new WebSocket(url)
  const asked = new Set(listeners.keys())
  socket = current
  current.onopen = () => {
    attempts = 0
    connection.value = 'open'
    const late = [...listeners.keys()].filter((topic) => !asked.has(topic))
    if (late.length > 0) send({ subscribe: late })
  }
  current.onmessage = (event) => receive(String(event.data))
  current.onclose = () => {
    if (socket === current) retry()
  }
}

function receive(text: string): void {
  let message: Incoming
  try {
    message = JSON.parse(text) as Incoming
  } catch {
    return
  }
  listeners.get(message.topic)?.(message.data, message.time)
}

/** Waits longer after each failure, with jitter, so that a restarted server is not stormed. */
function retry(): void {
  socket = null
  connection.value = 'lost'
  const delay =
    Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempts++) * (0.75 + Math.random() / 2)
  timer = window.setTimeout(connect, delay)
  getJson('/v1/segments').catch(() => undefined)
}

export function connectNow(): void {
  attempts = 0
  connect()
}

export function close(): void {
  clearTimeout(timer)
  const current = socket
  socket = null
  current?.close()
}
