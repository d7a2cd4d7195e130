import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const SOURCE = resolve(import.meta.dirname, '../../src')

/** Which folders of src/ the files of a folder may import, besides their own. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  protocol: [],
  files: [],
  event: ['protocol'],
  identity: ['event', 'protocol'],
  profile: ['event', 'identity', 'protocol'],
  journal: ['event', 'files', 'protocol'],
  replay: ['event', 'identity', 'profile', 'protocol'],
  model: ['event', 'files', 'profile', 'replay', 'journal', 'protocol'],
  observe: ['protocol'],
  runtime: ['protocol'],
  gateway: ['files', 'protocol', 'observe'],
  router: ['event', 'protocol', 'runtime'],
  shard: ['event', 'identity', 'profile', 'journal', 'replay', 'model', 'protocol', 'runtime'],
  simulator: ['protocol', 'event'],
  config: ['profile', 'event', 'model', 'protocol'],
}

function sources(folder: string): string[] {
  return readdirSync(join(SOURCE, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(SOURCE, folder, file))
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1])
}

describe('import boundaries', () => {
  for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
    test(`src/${folder} imports only ${['itself', ...allowed].join(', ')}`, () => {
      const found: string[] = []
      for (const file of sources(folder)) {
        for (const target of importsOf(file)) {
          if (!target.startsWith('.')) continue
          const [top] = relative(SOURCE, resolve(dirname(file), target)).split('/')
          if (top !== folder && !allowed.includes(top)) found.push(`${file} → ${target}`)
        }
      }
      expect(found).toEqual([])
    })
  }

  test('src/profile is pure: no packages, no clock, no randomness', () => {
    const found: string[] = []
    for (const file of sources('profile')) {
      const text = readFileSync(file, 'utf8')
      // machine-xstate turns a definition into a real XState machine for drawing and for the proof.
      const packages = importsOf(file).filter((target) => !target.startsWith('.'))
      const allowed = file.endsWith('machine-xstate.ts') ? ['xstate'] : []
      for (const name of packages)
        if (!allowed.includes(name)) found.push(`${file} imports ${name}`)
      if (/Date\.now\(|Math\.random\(|performance\.now\(/.test(text))
        found.push(`${file} has a clock`)
    }
    expect(found).toEqual([])
  })

  test('worker entries stay under 40 lines', () => {
    const workers = resolve(SOURCE, '../workers')
    for (const file of readdirSync(workers)) {
      const lines = readFileSync(join(workers, file), 'utf8').split('\n').length
      expect(lines, file).toBeLessThan(41)
    }
  })
})
