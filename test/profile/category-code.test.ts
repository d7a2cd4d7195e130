import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { categoryCode } from '../../src/profile/category-code.ts'
import { Interner } from '../../src/profile/interner.ts'

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('\uFEFF', '\uFEFFx', 'x', 'Zürich', '🛒'),
)

describe('the code of a category', () => {
  it('is an integer of 24 bits, which Float32 holds exactly', () => {
    const property = fc.property(
      text.filter((one) => one !== ''),
      (one) => {
        const code = categoryCode(one)
        expect(Number.isInteger(code) && code >= 0 && code < 2 ** 24).toBe(true)
        expect(Math.fround(code)).toBe(code)
      },
    )
    fc.assert(property)
  })

  it('never changes: saved models name these codes', () => {
    const found = ['mobile', 'desktop', 'CH', 'Zürich', 'Product Viewed'].map(categoryCode)
    expect(found).toEqual([15_257_660, 14_847_743, 2_903_848, 13_495_966, 2_699_493])
    expect(categoryCode('')).toBeNaN()
  })

  it('collides as seldom as chance has it', () => {
    const texts = Array.from({ length: 50_000 }, (_, i) => `category ${i}`)
    const collisions = texts.length - new Set(texts.map(categoryCode)).size
    const expected = (texts.length * (texts.length - 1)) / 2 ** 25
    expect(Math.abs(collisions - expected)).toBeLessThan(4 * Math.sqrt(expected))
  })

  it('is what the interner gives for a number, also after a checkpoint', () => {
    const property = fc.property(fc.array(text, { maxLength: 60 }), (texts) => {
      const interner = new Interner()
      const ids = texts.map((one) => interner.internText(one))
      const restored = new Interner()
      restored.load(interner.dump(0))
      ids.forEach((id, i) => {
        expect(interner.code(id)).toBe(categoryCode(texts[i]))
        expect(restored.code(id)).toBe(categoryCode(texts[i]))
        expect(restored.text(id)).toBe(texts[i])
      })
      const wanted = [...new Set(texts.filter((one) => one !== ''))]
      expect([...interner.all()]).toEqual(wanted)
      expect([...restored.all()]).toEqual(wanted)
    })
    fc.assert(property)
  })
})
