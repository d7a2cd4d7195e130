import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashKey } from '../../src/event/hash.ts'
import { KEY_KIND } from '../../src/event/record.ts'
import type { KeyKind } from '../../src/event/record.ts'
import { Interner } from '../../src/profile/interner.ts'
import { KeyIndex } from '../../src/profile/key-index.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

interface Key {
  readonly kind: KeyKind
  readonly low: number
  readonly high: number
  readonly text: string
}

const LOWS = [0, 1, 1024, 2048, 0xffff_ffff, 1023]

/** Few hashes, so that low bits, whole hashes and even kinds collide. */
const collidingKey: fc.Arbitrary<Key> = fc
  .record({
    kind: fc.constantFrom(KEY_KIND.user, KEY_KIND.anonymous),
    text: fc.string({ unit: fc.constantFrom('a', 'b', 'ä'), maxLength: 4 }),
  })
  .map((key) => {
    return { ...key, low: LOWS[key.text.length], high: key.text.startsWith('a') ? 7 : 0 }
  })

function find(index: KeyIndex, key: Key): number {
  const bytes = encoder.encode(`__${key.text}__`)
  return index.find(key.kind, key.low, key.high, bytes, 2, bytes.length - 2)
}

function ensure(index: KeyIndex, key: Key): number {
  const row = find(index, key)
  if (row >= 0) return row
  const bytes = encoder.encode(key.text)
  return index.add(key.kind, { low: key.low, high: key.high }, bytes, 0, bytes.length)
}

describe('KeyIndex', () => {
  it('finds what a Map finds, whatever collides', () => {
    const property = fc.property(fc.array(collidingKey, { maxLength: 120 }), (keys) => {
      const index = new KeyIndex()
      const model = new Map<string, number>()
      for (const key of keys) {
        const name = JSON.stringify(key)
        expect(find(index, key)).toBe(model.get(name) ?? -1)
        const row = ensure(index, key)
        if (!model.has(name)) model.set(name, model.size)
        expect(row).toBe(model.get(name))
        expect(index.kind(row)).toBe(key.kind)
        expect(decoder.decode(index.key(row))).toBe(key.text)
      }
      expect(index.size).toBe(model.size)
    })
    fc.assert(property)
  })

  it('keeps every key while rows, slots and ids grow', () => {
    const index = new KeyIndex()
    const keys = Array.from({ length: 20_000 }, (_, i): Key => {
      // Ids fill more than one chunk; a growing index makes hashes anew from them.
      const text = `${i}`.padStart(70, '-')
      return { kind: KEY_KIND.user, ...hashKey(KEY_KIND.user, text), text }
    })
    keys.forEach((key, row) => expect(ensure(index, key)).toBe(row))
    keys.forEach((key, row) => expect(find(index, key)).toBe(row))
    keys.forEach((key, row) => expect(decoder.decode(index.key(row))).toBe(key.text))
    expect(find(index, { ...keys[0], kind: KEY_KIND.anonymous })).toBe(-1)
    expect(find(index, { ...keys[0], high: 99 })).toBe(-1)
  })
})

describe('Interner', () => {
  it('gives each text one number, through growth and a dump', () => {
    const property = fc.property(
      fc.array(fc.string({ unit: 'grapheme', maxLength: 6 })),
      (texts) => {
        const strings = new Interner()
        const model = new Map<string, number>([['', 0]])
        for (const text of texts) {
          if (!model.has(text)) model.set(text, model.size)
          expect(strings.internText(text)).toBe(model.get(text))
        }
        const copy = new Interner()
        copy.load(strings.dump(0))
        copy.load(strings.dump(0))
        for (const [text, id] of model) {
          expect(strings.text(id)).toBe(text)
          expect(copy.text(id)).toBe(text)
          expect(copy.internText(text)).toBe(id)
          if (id === 0) continue
          for (const other of model.keys()) {
            const bytes = encoder.encode(`_${other}_`)
            expect(copy.is(id, bytes, 1, bytes.length - 1)).toBe(other === text)
          }
        }
        expect(copy.size).toBe(strings.size)
      },
    )
    fc.assert(property)
  })

  it('takes dumps in parts and grows past its first tables', () => {
    const strings = new Interner()
    const copy = new Interner()
    for (let i = 0; i < 10_000; i++) {
      expect(strings.internText(`text ${i}`)).toBe(i + 1)
      if (i % 3000 === 0) copy.load(strings.dump(copy.size))
    }
    copy.load(strings.dump(copy.size))
    for (let i = 0; i < 10_000; i++) expect(copy.internText(`text ${i}`)).toBe(i + 1)
    expect(copy.size).toBe(10_001)
  })
})
