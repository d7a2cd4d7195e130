import { readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

function codesIn(text: string): Set<string> {
  return new Set([...text.matchAll(/\bERR_[A-Z0-9]+(?:_[A-Z0-9]+)*\b/g)].map((match) => match[0]))
}

function codesOfSource(): Set<string> {
  const codes = new Set<string>()
  for (const folder of ['src', 'workers']) {
    const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    for (const file of files) {
      if (!/\.tsx?$/.test(file)) continue
      const text = readFileSync(join(ROOT, folder, file), 'utf8')
      for (const [, code] of text.matchAll(/['"`](ERR_[A-Z0-9_]+)\b/g)) {
        if (!NODE_CODES.has(code)) codes.add(code)
      }
    }
  }
  return codes
}

/** Codes of Node.js itself that the source compares with; and the prefix of a family. */
const NODE_CODES = new Set([
  'ERR_STORAGE',
  'ERR_MODULE_NOT_FOUND',
  'ERR_DLOPEN_FAILED',
  'ERR_BUFFER_TOO_LARGE',
])

test('docs/errors.md lists exactly the codes in the source', () => {
  const documented = codesIn(readFileSync(join(ROOT, 'docs/errors.md'), 'utf8'))
  const used = codesOfSource()
  const undocumented = [...used].filter((code) => !documented.has(code)).sort()
  const unused = [...documented].filter((code) => !used.has(code)).sort()
  expect({ undocumented, unused }).toEqual({ undocumented: [], unused: [] })
})
