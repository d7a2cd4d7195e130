import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { temporaryDirectory } from '../integration/server.ts'

const directory = temporaryDirectory()
afterAll(() => directory.remove())

const limn = (...words: string[]): unknown =>
  JSON.parse(
    execFileSync(process.execPath, [resolve('dist/src/cli/limn.js'), ...words], {
      encoding: 'utf8',
      cwd: directory.path,
    }),
  )

test('commands below a command take the data directory that they are given', () => {
  const here = ['--data', 'here', '--json']
  limn('keys', 'create', 'write', '--name', 'till', ...here)
  expect(limn('keys', 'list', ...here)).toMatchObject({ keys: [{ name: 'till' }] })
  expect(limn('keys', 'list', '--data', 'there', '--json')).toMatchObject({ keys: [] })
  expect(limn('models', 'list', ...here)).toEqual({ models: [] })
  expect(limn('deadletters', 'list', ...here)).toBeDefined()
})
