import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { makeDirectory, replaceFile } from '../files/durable-file.ts'
import { LimnError } from '../protocol/errors.ts'

export const KEY_SCOPES = ['write', 'read', 'admin'] as const
export type KeyScope = (typeof KEY_SCOPES)[number]

/** Whether a key of scope `held` may do what needs `wanted`: admin allows all. */
export function allowsScope(held: KeyScope, wanted: KeyScope): boolean {
  return held === wanted || held === 'admin'
}

/** What is known of a key; its text is not among it. */
export interface KeyEntry {
  readonly id: string
  readonly name: string
  readonly scope: KeyScope
  /** ISO 8601. */
  readonly created: string
}

export interface NewKey {
  readonly name: string
  readonly scope: KeyScope
  /** A text chosen by the operator; a random one is made when it is left out. */
  readonly text?: string | undefined
}

export interface CreatedKey {
  readonly entry: KeyEntry
  /** To be shown once; only its hash is stored. */
  readonly text: string
}

/** Texts for the first start, by scope. */
export type BootstrapTexts = Readonly<Partial<Record<KeyScope, string>>>

interface StoredKey extends KeyEntry {
  /** SHA-256 of the text, in hex. */
  readonly hash: string
}

const KeyFile = Compile(
  Type.Object({
    version: Type.Literal(1),
    keys: Type.Array(
      Type.Object({
        id: Type.String(),
        name: Type.String(),
        scope: Type.Union([Type.Literal('write'), Type.Literal('read'), Type.Literal('admin')]),
        created: Type.String(),
        hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      }),
    ),
  }),
)

const KEY_BYTES = 24
const KEY_TEXT_MIN = 8
export const KEY_TEXT_MAX = 256
const KEYS_MAX = 1_000
const VERIFIED_MAX = 10_000
const RELOAD_CHECK_MS = 200

/**
 * The keys of one data directory. Owns `<data>/keys.json`; another process may rewrite that file
 * (`limn keys`), which is noticed within {@link RELOAD_CHECK_MS}. A file that turns unreadable while the server
 * runs leaves the keys as they were, so that a half-edited file locks nobody out.
 */
export class KeyRing {
  readonly #path: string
  #keys: StoredKey[] = []
  /** Of {@link #keys}, in the same order. */
  #hashes: Buffer[] = []
  #verified = new Map<string, StoredKey>()
  #modified = -1
  #checkedAt = Number.NEGATIVE_INFINITY

  /** Throws `ERR_KEYS_FILE` when the file exists and is not a key file. */
  constructor(path: string) {
    this.#path = path
    this.#load()
  }

  /** The key with this text when its scope allows `scope` (admin allows all), else null. */
  verify(text: string, scope: KeyScope): KeyEntry | null {
    const key = this.#find(text)
    return key !== null && allowsScope(key.scope, scope) ? key : null
  }

  /** Whether any key has this text: tells a wrong key from one with too small a scope. */
  knows(text: string): boolean {
    return this.#find(text) !== null
  }

  /** What the key with this id allows now; null when there is none any more. */
  scopeOf(id: string): KeyScope | null {
    this.#reloadIfChanged()
    return this.#keys.find((key) => key.id === id)?.scope ?? null
  }

  list(): KeyEntry[] {
    this.#load()
    return this.#keys.map(({ id, name, scope, created }) => ({ id, name, scope, created }))
  }

  /** Throws `ERR_KEYS_TEXT` for a chosen text that is too short, too long or taken. */
  create(key: NewKey): CreatedKey {
    this.#load()
    const text = key.text ?? `limn_${key.scope}_${randomBytes(KEY_BYTES).toString('base64url')}`
    this.#checkText(text)
    const stored: StoredKey = {
      id: randomBytes(4).toString('hex'),
      name: key.name,
      scope: key.scope,
      created: new Date().toISOString(),
      hash: hashOf(text).toString('hex'),
    }
    this.#save([...this.#keys, stored])
    const { hash: _hash, ...entry } = stored
    return { entry, text }
  }

  /** False when no key has this id. */
  revoke(id: string): boolean {
    this.#load()
    const kept = this.#keys.filter((key) => key.id !== id)
    if (kept.length === this.#keys.length) return false
    this.#save(kept)
    return true
  }

  /**
   * At the first start (no key yet) makes one key of each scope, with the given texts where there
   * are any; later does nothing, so that a revoked key stays revoked. Returns those whose text was
   * made here, to be printed once.
   */
  bootstrap(texts: BootstrapTexts): CreatedKey[] {
    if (this.#keys.length > 0) return []
    const made: CreatedKey[] = []
    for (const scope of KEY_SCOPES) {
      const text = texts[scope]
      const created = this.create({ name: 'bootstrap', scope, text })
      if (text === undefined) made.push(created)
    }
    return made
  }

  #find(text: string): StoredKey | null {
    this.#reloadIfChanged()
    const known = this.#verified.get(text)
    if (known !== undefined) return known
    if (text.length === 0 || text.length > KEY_TEXT_MAX) return null
    const hash = hashOf(text)
    let found: StoredKey | null = null
    for (const [index, key] of this.#keys.entries()) {
      const stored = this.#hashes[index]
      if (stored !== undefined && timingSafeEqual(hash, stored)) found = key
    }
    if (found !== null && this.#verified.size < VERIFIED_MAX) this.#verified.set(text, found)
    return found
  }

  #reloadIfChanged(): void {
    const now = performance.now()
    if (now - this.#checkedAt < RELOAD_CHECK_MS) return
    this.#checkedAt = now
    try {
      this.#load()
    } catch (error) {
      if (!(error instanceof LimnError)) throw error
    }
  }

  #load(): void {
    const modified = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs ?? -1
    if (modified === this.#modified) return
    this.#adopt(modified === -1 ? [] : readKeys(this.#path), modified)
  }

  #adopt(keys: StoredKey[], modified: number): void {
    this.#keys = keys
    this.#hashes = keys.map(({ hash }) => Buffer.from(hash, 'hex'))
    this.#modified = modified
    this.#verified = new Map()
  }

  #save(keys: StoredKey[]): void {
    if (keys.length > KEYS_MAX) {
      throw new LimnError('ERR_KEYS_LIMIT', `There are ${KEYS_MAX} keys already; revoke some first`)
    }
    try {
      makeDirectory(dirname(this.#path))
      replaceFile(this.#path, `${JSON.stringify({ version: 1, keys }, null, 2)}\n`, 0o600)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const message = `${this.#path} cannot be written, so the keys are as they were: ${reason}`
      throw new LimnError('ERR_KEYS_SAVE', message, { cause })
    }
    this.#adopt(keys, statSync(this.#path).mtimeMs)
  }

  #checkText(text: string): void {
    if (text.length < KEY_TEXT_MIN || text.length > KEY_TEXT_MAX || !/^[\x21-\x7e]+$/.test(text)) {
      throw new LimnError(
        'ERR_KEYS_TEXT',
        `A key has ${KEY_TEXT_MIN} to ${KEY_TEXT_MAX} printable ASCII characters without spaces`,
      )
    }
    if (text.includes(':') || text.includes('"') || text.includes('\\')) {
      throw new LimnError('ERR_KEYS_TEXT', 'A key must not contain a colon, a quote or a backslash')
    }
    if (this.knows(text))
      throw new LimnError('ERR_KEYS_TEXT', 'A key with this text exists already')
  }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function readKeys(path: string): StoredKey[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new LimnError('ERR_KEYS_FILE', `${path} cannot be read as JSON`, { cause })
  }
  if (KeyFile.Check(parsed)) return parsed.keys
  const [first] = KeyFile.Errors(parsed)
  throw new LimnError(
    'ERR_KEYS_FILE',
    `${path} is not a key file: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
  )
}
