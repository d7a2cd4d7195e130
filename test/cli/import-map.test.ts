import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { openImport } from '../../src/cli/import-source.ts'
import { loadMap } from '../../src/cli/map-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'limn-map-'))
afterAll(() => rmSync(directory, { recursive: true }))

const ORDERS = `
columns: [invoice, item, quantity, time, price, customer]
user: 'c-{customer}'
timestamp: { template: '{time}', format: 'YYYY-MM-DD HH:mm', timezone: '+01:00' }
skip: customer == null
group: { by: [invoice], within: 3 }
context: { location: { country: '{item}' }, empty: { x: '{customer}' } }
events:
  - when: starts_with(invoice, 'C')
    event: Order Refunded
    properties: { total: { sum: abs(quantity) * price } }
  - event: Order Completed
    properties: { order_id: '{invoice}', revenue: { sum: quantity * price }, first: { value: price } }
    products: { product_id: '{item}', price: { value: price } }
`
const HEADER = 'invoice,item,quantity,time,price,customer\n'

function write(name: string, content: string | Buffer): string {
  const file = join(directory, name)
  writeFileSync(file, content)
  return file
}

async function read(file: string, map: string) {
  const source = await openImport(file, map)
  const messages: Record<string, unknown>[] = []
  const rejects: (number | string)[][] = []
  for await (const item of source.items) {
    if ('reject' in item) rejects.push([item.reject.line, item.reject.code])
    else messages.push(item.message)
  }
  return { messages, rejects, rows: source.rowsRead(), skipped: source.rowsSkipped(), source }
}

describe('rows become events', () => {
  const map = write('orders.yaml', ORDERS)

  test('a group is one event with sums and products', async () => {
    const file = write(
      'orders.csv',
      `${HEADER}1,A,2,2010-01-02 10:00,1.1,7\n2,B,1,2010-01-02 10:00,5,8\n1,0C,1,2010-01-02 10:01,3,7\n` +
        'C3,D,-2,2010-01-02 10:02,4,8\n4,E,1,2010-01-02 10:03,9,\n',
    )
    const { messages, rejects, rows, skipped } = await read(file, map)
    expect(rejects).toEqual([])
    expect([rows, skipped]).toEqual([5, 1])
    expect(messages).toHaveLength(3)
    expect(messages[0]).toEqual({
      type: 'track',
      event: 'Order Completed',
      messageId: expect.stringMatching(/^import-[\w-]{22}$/),
      timestamp: '2010-01-02T09:00:00.000Z',
      userId: 'c-7',
      context: { location: { country: 'A' }, empty: { x: '7' } },
      properties: {
        order_id: '1',
        revenue: 5.2,
        first: 1.1,
        products: [
          { product_id: 'A', price: 1.1 },
          { product_id: '0C', price: 3 },
        ],
      },
    })
    expect(messages.slice(1)).toMatchObject([
      { event: 'Order Completed', properties: { order_id: '2', revenue: 5 } },
      { event: 'Order Refunded', properties: { total: 8 } },
    ])
  })

  test('message ids depend on the name and the line alone', async () => {
    const text = `${HEADER}1,A,2,2010-01-02 10:00,1.1,7\n2,B,1,2010-01-02 10:00,5,8\n`
    const ids = async (file: string) =>
      (await read(file, map)).messages.map(({ messageId }) => messageId)
    const plain = await ids(write('same.csv', text))
    expect(new Set(plain).size).toBe(2)
    expect(await ids(write('same.csv.gz', gzipSync(text)))).toEqual(plain)
    expect(await ids(write('other.csv', text))).not.toEqual(plain)
  })

  test('rows further apart than a group may be are two events', async () => {
    const rows = ['1', '2', '3', '4', '1'].map((id) => `${id},A,1,2010-01-02 10:00,1,7`)
    const { messages } = await read(write('apart.csv', HEADER + rows.join('\n')), map)
    expect(messages.map(({ properties }) => properties)).toHaveLength(5)
  })

  test('bad rows are rejected with code and line, and do not end the import', async () => {
    const file = write(
      'bad.csv',
      `${HEADER}1,A,x,2010-01-02 10:00,1,7\n2,B\n3,C,1,2010-02-30 10:00,1,7\n4,"D,1,2010-01-02 10:00,1,7\n` +
        '5,E,1,2010-01-02 10:00,1,7\n5,E,x,2010-01-02 10:00,1,7\n',
    )
    const { messages, rejects } = await read(file, map)
    expect(rejects).toEqual([
      [2, 'ERR_IMPORT_VALUE'],
      [3, 'ERR_IMPORT_COLUMNS'],
      [4, 'ERR_IMPORT_TIME'],
      [5, 'ERR_IMPORT_QUOTE'],
      [7, 'ERR_IMPORT_VALUE'],
    ])
    expect(messages).toMatchObject([{ properties: { order_id: '5', revenue: 1 } }])
  })

  test('what a cut off gzip file holds is delivered, and the damage told', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i},A,1,2010-01-02 10:00,${i},7`)
    const file = write('cut.csv.gz', gzipSync(HEADER + rows.join('\n')))
    const whole = await read(file, map)
    expect(whole.messages).toHaveLength(20_000)
    expect(whole.source.damage()).toBeNull()
    truncateSync(file, Math.floor(whole.source.bytesTotal * 0.7))
    const cut = await read(file, map)
    expect(cut.messages.length).toBeGreaterThan(12_000)
    expect(cut.source.damage()?.code).toBe('ERR_IMPORT_GZIP')
  })

  test('files that cannot be imported', async () => {
    await expect(read(join(directory, 'none.csv'), map)).rejects.toMatchObject({
      code: 'ERR_IMPORT_FILE',
    })
    await expect(read(directory, map)).rejects.toMatchObject({ code: 'ERR_IMPORT_FILE' })
    const other = write('header.csv', 'a,b\n1,2\n')
    await expect(read(other, map)).rejects.toMatchObject({ code: 'ERR_IMPORT_HEADER' })
    await expect(openImport(other)).rejects.toMatchObject({ code: 'ERR_IMPORT_MAP_MISSING' })
  })
})

test('columns by header name, seconds added, in time order', async () => {
  const map = write(
    'clicks.yaml',
    `
delimiter: ';'
columns: { n: click no, session: session ID, kind: kind }
anonymous: '{session}'
timestamp: { template: '2008-4-1', format: YYYY-M-D, plus_seconds: session * 1h - (n - 1) * 30s }
sort_within: 10
events:
  - when: kind == 'v'
    event: '{kind}-seen'
    properties: { kind: { lookup: '{kind}', values: { v: view } }, none: '', n: { value: n } }
`,
  )
  const file = write(
    'clicks.csv',
    '\ufeffkind;session ID;click no\r\nv;2;1\r\nv;1;2\r\nv;1;1\r\nx;1;1\r\n',
  )
  const { messages, skipped } = await read(file, map)
  expect(skipped).toBe(1)
  expect(messages.map(({ timestamp, properties }) => [timestamp, properties])).toEqual([
    ['2008-04-01T00:59:30.000Z', { kind: 'view', n: 2 }],
    ['2008-04-01T01:00:00.000Z', { kind: 'view', n: 1 }],
    ['2008-04-01T02:00:00.000Z', { kind: 'view', n: 1 }],
  ])
  expect(messages[0]).toMatchObject({ event: 'v-seen', anonymousId: '1' })
})

test.each([
  ['events: [', 'ERR_MAP_INVALID', /map\.yaml:\d+:\d+: /],
  ['colums: [a]', 'ERR_MAP_INVALID', /map\.yaml:1:1: colums: .*did you mean "columns"/],
  [`${ORDERS}extra: 1`, 'ERR_MAP_INVALID', /map\.yaml:\d+:1: extra/],
  [
    ORDERS.replace('quantity * price', 'quantty * price'),
    'ERR_MAP_INVALID',
    /:\d+:\d+: .*did you mean "quantity"/,
  ],
  [
    ORDERS.replace('{customer}', '{custmer}'),
    'ERR_MAP_INVALID',
    /:3:7: user: .*did you mean "customer"/,
  ],
  [ORDERS.replace('YYYY-MM-DD HH:mm', 'YY-DD'), 'ERR_MAP_INVALID', /:4:\d+: timestamp\.format/],
  [ORDERS.replace('+01:00', 'Paris'), 'ERR_MAP_INVALID', /:4:\d+: timestamp\.timezone/],
  [ORDERS.replace("user: 'c-{customer}'", ''), 'ERR_MAP_INVALID', /missing "user" or "anonymous"/],
  [ORDERS.replace('[invoice]', '[invoic]'), 'ERR_MAP_INVALID', /:6:\d+: group\.by/],
])('a faulty map is refused with its place: %#', (text, code, message) => {
  const file = write('map.yaml', text)
  let error: unknown
  try {
    loadMap(file)
  } catch (caught) {
    error = caught
  }
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
})

test('a map that is not there', () => {
  expect(() => loadMap(join(directory, 'none.yaml'))).toThrow(
    expect.objectContaining({ code: 'ERR_MAP_UNREADABLE' }),
  )
})

test.each(['online-retail', 'cdnow', 'eshop-2008', 'retailrocket'])(
  'config/maps/%s.yaml',
  (name) => {
    expect(loadMap(join('config/maps', `${name}.yaml`)).rules.length).toBeGreaterThan(0)
  },
)
