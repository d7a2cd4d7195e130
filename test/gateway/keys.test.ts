import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { KeyRing } from '../../src/gateway/keys.ts'

describe('KeyRing', () => {
  let path: string
  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'limn-keys-')), 'data', 'keys.json')
  })

  it('makes one key of each scope at the first start, and none later', () => {
    const made = new KeyRing(path).bootstrap({ write: 'the-given-key' })
    expect(made.map(({ entry }) => entry.scope)).toEqual(['read', 'admin'])
    const later = new KeyRing(path)
    expect(later.bootstrap({ write: 'another-given-key' })).toEqual([])
    expect(later.verify('the-given-key', 'write')).not.toBeNull()
    expect(later.verify('another-given-key', 'write')).toBeNull()
  })

  it('stores hashes only, readable by the owner only', () => {
    const { text } = new KeyRing(path).create({ name: 'shop', scope: 'write' })
    expect(readFileSync(path, 'utf8')).not.toContain(text)
    expect(statSync(path).mode & 0o077).toBe(0)
  })

  it('keeps scopes apart; admin has all', () => {
    const ring = new KeyRing(path)
    const read = ring.create({ name: 'r', scope: 'read' }).text
    const admin = ring.create({ name: 'a', scope: 'admin' }).text
    expect(ring.verify(read, 'read')).not.toBeNull()
    expect(ring.verify(read, 'write')).toBeNull()
    expect(ring.knows(read)).toBe(true)
    for (const scope of ['write', 'read', 'admin'] as const)
      expect(ring.verify(admin, scope)).not.toBeNull()
    expect(ring.verify('', 'read')).toBeNull()
    expect(ring.verify('x'.repeat(10_000), 'read')).toBeNull()
  })

  it('notices within a second what another process changed', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0)
    const ring = new KeyRing(path)
    const other = new KeyRing(path)
    const { text, entry } = other.create({ name: 'n', scope: 'read' })
    now.mockReturnValue(2_000)
    expect(ring.verify(text, 'read')).toMatchObject({ id: entry.id })
    writeFileSync(path, '{"version":1,"keys":[]}')
    expect(ring.verify(text, 'read')).not.toBeNull()
    now.mockReturnValue(4_000)
    expect(ring.verify(text, 'read')).toBeNull()
    now.mockRestore()
  })

  it('revokes by id', () => {
    const ring = new KeyRing(path)
    const { text, entry } = ring.create({ name: 'n', scope: 'read' })
    expect(ring.list()).toEqual([entry])
    expect(ring.revoke('nothing')).toBe(false)
    expect(ring.revoke(entry.id)).toBe(true)
    expect(ring.verify(text, 'read')).toBeNull()
  })

  it.each(['short', 'with space in it', 'with:colon', 'x'.repeat(257)])(
    'refuses the text %s',
    (text) => {
      const key = { name: 'n', scope: 'read', text } as const
      expect(() => new KeyRing(path).create(key)).toThrow(
        expect.objectContaining({ code: 'ERR_KEYS_TEXT' }),
      )
    },
  )

  it('refuses to start on a damaged file, but keeps its keys when it turns damaged later', () => {
    const ring = new KeyRing(path)
    const { text } = ring.create({ name: 'n', scope: 'read' })
    writeFileSync(path, '{"version":1,"keys":[{}]}')
    expect(() => new KeyRing(path)).toThrow(expect.objectContaining({ code: 'ERR_KEYS_FILE' }))
    const now = vi.spyOn(performance, 'now').mockReturnValue(1e9)
    expect(ring.verify(text, 'read')).not.toBeNull()
    now.mockRestore()
  })
})
