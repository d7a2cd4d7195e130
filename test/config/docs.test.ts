import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { configDocument } from '../../src/config/docs.ts'
import { packageRoot } from '../../src/config/server-config.ts'

test('docs/config.md is current; node dist/src/config/docs.js writes it', async () => {
  const file = join(packageRoot(), 'docs', 'config.md')
  expect(readFileSync(file, 'utf8')).toBe(configDocument())
})
