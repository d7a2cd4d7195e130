import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadServerConfig, packageRoot } from '../../src/config/server-config.ts'

const dir = mkdtempSync(join(tmpdir(), 'limn-config-'))
afterAll(() => rmSync(dir, { recursive: true }))

function fileOf(text: string): string {
  const file = join(dir, 'limn.yaml')
  writeFileSync(file, text)
  return file
}

function faultOf(load: () => unknown): { code: string; message: string } {
  try {
    load()
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return { code, message: message.replaceAll(dir, '') }
  }
  throw new Error('was accepted')
}

const faultsOf = (text: string) => faultOf(() => loadServerConfig({ file: fileOf(text), env: {} }))

describe('loadServerConfig', () => {
  test('needs no file', () => {
    const config = loadServerConfig({ env: { PATH: '/bin', LIMN_CONFIG: 'else' } })
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 8080, transport: 'auto' })
    expect(config.storage).toMatchObject({ dir: resolve('data'), shards: 2 })
    expect(config.models).toEqual({ dir: resolve('data/models'), serving: true })
    expect(config.profile.file).toBe(join(packageRoot(), 'config', 'profile.yaml'))
    expect(config.bootstrap).toEqual({ writeKey: '', readToken: '', adminToken: '' })
  })

  test('the result is frozen, and defaults are not shared', () => {
    const config = loadServerConfig({ env: {} })
    expect(() => Object.assign(config.server, { port: 1 })).toThrow(TypeError)
    expect(Object.isFrozen(config.server.corsOrigins)).toBe(true)
    expect(loadServerConfig({ env: {} }).server.corsOrigins).not.toBe(config.server.corsOrigins)
  })

  test('file, then environment, then overrides', () => {
    const file = fileOf(
      'server: { port: 1, host: h }\nstorage: { dir: /a, shards: 3 }\nprofile: { file: p.yaml }',
    )
    const env = {
      LIMN_SERVER_PORT: '2',
      LIMN_STORAGE_DIR: '/b',
      LIMN_SERVER_CORS_ORIGINS: 'https://a, https://b',
      LIMN_MODELS_SERVING: 'false',
      LIMN_DEAD_LETTERS_MAX: '7',
      LIMN_BOOTSTRAP_WRITE_KEY: 'w',
    }
    const overrides = { storage: { dir: '/c' }, server: { host: undefined } }
    const config = loadServerConfig({ file, env, overrides: overrides as never })
    expect(config.server).toMatchObject({ port: 2, host: 'h' })
    expect(config.server.corsOrigins).toEqual(['https://a', 'https://b'])
    expect(config.storage).toMatchObject({ dir: '/c', shards: 3 })
    expect(config.models).toMatchObject({ dir: '/c/models', serving: false })
    expect(config.deadLetters.max).toBe(7)
    expect(config.bootstrap.writeKey).toBe('w')
    expect(config.profile.file).toBe(join(dir, 'p.yaml'))
  })

  test.each([
    [
      'server:\n  port: abc\n',
      '/limn.yaml:2:9: server.port: found "abc"; allowed: integer 0–65535',
    ],
    [
      'server:\n  prot: 1\n',
      '/limn.yaml:2:3: server.prot: unknown key (did you mean "port"?); allowed: ',
    ],
    [
      'sever: {}\n',
      '/limn.yaml:1:1: sever: unknown key (did you mean "server"?); allowed: server, ',
    ],
    ['server: 5\n', '/limn.yaml:1:9: server: found 5; allowed: a map of keys to values'],
    ['- 1\n', '/limn.yaml:1:1: found [1]; allowed: a map of keys to values'],
    ['server:\n  port: 70000\n', 'found 70000; allowed: integer 0–65535'],
    ['server:\n  port: 1.5\n', 'found 1.5; allowed: integer 0–65535'],
    ['server:\n  port: .nan\n', '/limn.yaml:2:9: server.port: found null; allowed: integer'],
    ['server: { transport: udp }\n', 'found "udp"; allowed: auto, uws, node'],
    [
      'server: { corsOrigins: [a, 5] }\n',
      '/limn.yaml:1:28: server.corsOrigins.1: found 5; allowed: text',
    ],
    ['server: { host: "" }\n', 'server.host: found ""; allowed: text'],
    ['server: { port: 1, port: 2 }\n', '/limn.yaml:1:'],
    ['server: [\n', '/limn.yaml:'],
    ['__proto__: { port: 1 }\n', '__proto__: unknown key'],
    ['a: &a [x]\nserver: { corsOrigins: *a }\n', '/limn.yaml:1:1: a: unknown key'],
  ])('refuses %j', (text, message) => {
    const fault = faultsOf(text)
    expect(fault.code).toBe('ERR_CONFIG_INVALID')
    expect(fault.message).toContain(message)
  })

  test('reports every fault, one a line', () => {
    const { message } = faultsOf('server:\n  port: abc\n  prot: 1\nlog:\n  level: loud\n')
    expect(message.split('\n').map((line) => line.split(': ')[0])).toEqual([
      '/limn.yaml:2:9',
      '/limn.yaml:3:3',
      '/limn.yaml:5:10',
    ])
  })

  test('empty file and empty sections are defaults', () => {
    const wanted = loadServerConfig({ env: {} })
    for (const text of ['', '# nothing\n', 'server:\nlog:\n']) {
      expect(loadServerConfig({ file: fileOf(text), env: {} })).toEqual(wanted)
    }
  })

  test('a file that is not there', () => {
    const fault = faultOf(() => loadServerConfig({ file: join(dir, 'none.yaml'), env: {} }))
    expect(fault.code).toBe('ERR_CONFIG_UNREADABLE')
    expect(fault.message).toContain('/none.yaml: ENOENT')
  })

  test.each([
    [
      { LIMN_SERVER_PORT: 'x' },
      'environment LIMN_SERVER_PORT: found "x"; allowed: integer 0–65535',
    ],
    [{ LIMN_SERVER_PORT: '' }, 'environment LIMN_SERVER_PORT: found ""; allowed: integer 0–65535'],
    [{ LIMN_SERVER_PROT: '1' }, 'unknown variable (did you mean "LIMN_SERVER_PORT"?)'],
    [{ LIMN_BOOTSTRAP_KEY: '1' }, 'environment LIMN_BOOTSTRAP_KEY: unknown variable'],
    [{ LIMN_MODELS_SERVING: 'yes' }, 'found "yes"; allowed: true, false'],
  ])('refuses the environment %j', (env, message) => {
    const fault = faultOf(() => loadServerConfig({ env }))
    expect(fault.code).toBe('ERR_CONFIG_INVALID')
    expect(fault.message).toContain(message)
  })

  test('refuses a wrong option', () => {
    const fault = faultOf(() => loadServerConfig({ env: {}, overrides: { server: { port: -1 } } }))
    expect(fault.message).toBe('option server.port: found -1; allowed: integer 0–65535')
  })
})
