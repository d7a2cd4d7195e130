import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { openImport } from '../../src/cli/import-source.ts'

const directory = mkdtempSync(join(tmpdir(), 'limn-import-'))
afterAll(() => rmSync(directory, { recursive: true }))

test.each(['plain', 'gzip'])('reads %s NDJSON and names the bad lines', async (form) => {
  const text = '{"type":"track"}\n\nnot json\n[1]\n{"type":"page"}'
  const file = join(directory, form)
  writeFileSync(file, form === 'gzip' ? gzipSync(text) : text)
  const source = await openImport(file)
  const items = []
  for await (const item of source.items) items.push(item)
  expect(items.map((item) => ('reject' in item ? item.reject.line : item.message.type))).toEqual([
    'track',
    3,
    4,
    'page',
  ])
  expect(source.rowsRead()).toBe(4)
  expect(source.bytesRead()).toBe(source.bytesTotal)
})
