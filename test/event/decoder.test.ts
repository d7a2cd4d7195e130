import { describe, expect, test } from 'vitest'
import { hashKey, shardOfHash } from '../../src/event/hash.ts'
import { KEY_KIND } from '../../src/event/record.ts'
import { EVENT_NAMES, eventCodeOf, eventNameOf } from '../../src/event/vocabulary.ts'
import { NOW, codeOf, decode, decodeOne } from './decode-fixture.ts'

const TRACK = { type: 'track', userId: 'u1', event: 'Product Viewed' }
const LIMITS = { eventBytesMax: 1024, batchEventsMax: 3 }

function track(properties: unknown, rest: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...TRACK, properties, ...rest }
}

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = { a: value }
  return value
}

describe('bodies', () => {
  test.each([
    ['not JSON', '{"a":', 'ERR_BODY_JSON'],
    ['empty', '', 'ERR_BODY_JSON'],
    ['NaN', '{"userId":"u","value":NaN}', 'ERR_BODY_JSON'],
    ['a half item', '{"batch":[{"type":"track"},{]}', 'ERR_BODY_JSON'],
    ['an array', '[1]', 'ERR_BODY_SHAPE'],
    ['a number', '1', 'ERR_BODY_SHAPE'],
    ['null', 'null', 'ERR_BODY_SHAPE'],
    ['a batch that is no array', '{"batch":{}}', 'ERR_BODY_SHAPE'],
    ['a batch of null', '{"batch":null}', 'ERR_BODY_SHAPE'],
  ])('%s is refused whole', (_, body, code) => {
    const { frame, records, rejected } = decode(body)
    expect(frame).toMatchObject({ items: 0, error: { code } })
    expect(records.length + rejected.length).toBe(0)
  })

  test('invalid UTF-8 is refused', () => {
    const bytes = Uint8Array.from([...Buffer.from('{"userId":"'), 0xff, ...Buffer.from('"}')])
    expect(codeOf(bytes)).toBe('ERR_BODY_UTF8')
  })

  test('a byte order mark and white space around are accepted', () => {
    const json = `\n ${JSON.stringify(TRACK)} \n`
    expect(decodeOne(`\ufeff${json}`).message).toEqual(TRACK)
    expect(decodeOne(json).text).toBe(JSON.stringify(TRACK))
  })

  test('a message nests 32 levels, alone and in a batch', () => {
    expect(codeOf(track(nested(31)))).toBe('accepted')
    expect(codeOf(track(nested(32)))).toBe('ERR_BODY_DEPTH')
    expect(codeOf({ batch: [track(nested(31))] })).toBe('accepted')
    expect(codeOf({ batch: [track(nested(32))] })).toBe('ERR_BODY_DEPTH')
    expect(codeOf('['.repeat(1_000_000))).toBe('ERR_BODY_DEPTH')
    expect(codeOf(track({ text: '{['.repeat(100) }))).toBe('accepted')
    expect(codeOf(track({ text: '"{\\'.repeat(100) }))).toBe('accepted')
  })

  test('batch and import take only batches; a long batch is refused', () => {
    expect(codeOf(TRACK, { route: 'batch' })).toBe('ERR_BODY_SHAPE')
    expect(codeOf(TRACK, { route: 'import' })).toBe('ERR_BODY_SHAPE')
    const batch = [TRACK, TRACK, TRACK]
    expect(decode({ batch }, { limits: LIMITS }).records).toHaveLength(3)
    expect(codeOf({ batch: [...batch, TRACK] }, { limits: LIMITS })).toBe('ERR_BATCH_LENGTH')
  })

  test('seq is the frame’s sequence, also of a refused frame', () => {
    expect(decode({ seq: 7, batch: [] }).frame).toEqual({ sequence: 7, items: 0, error: null })
    expect(decode({ ...TRACK, seq: 8 }).frame).toEqual({ sequence: 8, items: 1, error: null })
    expect(decode({ ...TRACK, seq: 'x' }).frame.sequence).toBeNull()
    expect(decode('{"seq":1e400,"batch":[]}').frame.sequence).toBeNull()
    expect(decode({ seq: 9, batch: 1 }).frame.sequence).toBe(9)
  })

  test('bad items are refused, the rest is accepted', () => {
    const batch = [TRACK, 5, null, [TRACK], 'x', { type: 'track' }, TRACK]
    const { records, rejected, frame } = decode({ batch })
    expect(frame.items).toBe(7)
    expect(records.map(({ index }) => index)).toEqual([0, 6])
    expect(records.map(({ message }) => message)).toEqual([TRACK, TRACK])
    const shapes = ['ERR_EVENT_SHAPE', 'ERR_EVENT_SHAPE', 'ERR_EVENT_SHAPE', 'ERR_EVENT_SHAPE']
    expect(rejected.map(({ code }) => code)).toEqual([...shapes, 'ERR_EVENT_ID_MISSING'])
    expect(rejected.map(({ original }) => original)).toEqual(batch.slice(1, 6))
  })
})

describe('the message kept', () => {
  test('is the bytes that came where nothing changes', () => {
    const item = `{ "type" : "track", "userId":"u1","event":"\\u0041é",\n"n":1.50 }`
    expect(decodeOne(item).text).toBe(item)
    expect(decodeOne(`{"batch":[ ${item} ],"seq":1}`).text).toBe(item)
  })

  test('is found whatever stands around the batch', () => {
    const one = JSON.stringify(TRACK)
    const two = JSON.stringify({
      ...TRACK,
      userId: 'u2',
      properties: { a: ['],}{[', '"batch":['] },
    })
    const bodies = [
      `{"batch":[${one},${two}]}`,
      `{"a":{"batch":[1,2]},"b":"batch","batch" :\n[ ${one}\t, ${two} ] ,"z":[[],{}]}`,
      `{"batch":[{"x":1}],"batch":[${one},${two}]}`,
      `{"batch":[${one},${two}],"\\u0062":1}`,
      `{"\\u0062atch":[{"x":1},{"x":2}],"batch":[${one},${two}]}`,
      `{"batch":[{"x":1},{"x":2}],"b\\u0061tch":[${one},${two}]}`,
    ]
    for (const body of bodies) {
      expect(decode(body).records.map(({ text }) => text)).toEqual([one, two])
    }
  })

  test('has no writeKey, seq or import', () => {
    const body = { ...TRACK, writeKey: 'secret', seq: 4, import: false }
    expect(decodeOne(body).message).toEqual(TRACK)
    expect(decodeOne({ batch: [body] }).message).toEqual(TRACK)
    expect(JSON.stringify(decode({ ...body, event: 1 }).rejected)).not.toContain('secret')
  })

  test('says the route’s type', () => {
    const body = { userId: 'u1', event: 'A' }
    const expected = { ...body, type: 'track' }
    expect(decodeOne(body, { route: 'track' }).message).toEqual(expected)
    const other = decodeOne({ ...body, type: 'identify' }, { route: 'track' })
    expect(other.type).toBe('track')
    expect(other.message).toEqual(expected)
    expect(other.text).not.toContain('identify')
    expect(decodeOne({ ...body, type: 't' }).message).toEqual(expected)
  })

  test('has what the batch gives; its own parts win', () => {
    const context = { locale: 'de-DE', os: { name: 'iOS' } }
    const integrations = { All: true, X: false }
    const own = { ...TRACK, context: { locale: 'fr-FR' }, integrations: { X: true } }
    const batch = [TRACK, own, { ...TRACK, context: null }, { ...TRACK, context: 'x' }]
    const { records } = decode({ batch, context, integrations })
    expect(records.map(({ message }) => message)).toEqual([
      { ...TRACK, context, integrations },
      { ...TRACK, context: { ...context, locale: 'fr-FR' }, integrations: { All: true, X: true } },
      { ...TRACK, context, integrations },
      { ...TRACK, context, integrations },
    ])
    expect(records[0].text.startsWith(JSON.stringify(TRACK).slice(0, -1))).toBe(true)
    expect(records.map(({ strings }) => strings.locale)).toEqual([
      'de-DE',
      'fr-FR',
      'de-DE',
      'de-DE',
    ])
    expect(records[1].strings.os_name).toBe('iOS')
  })

  test('a refused message’s original has what the batch gives, too', () => {
    const { rejected } = decode({ batch: [{ type: 'track' }], context: { locale: 'de' } })
    expect(rejected[0].original).toEqual({ type: 'track', context: { locale: 'de' } })
  })
})

describe('sizes', () => {
  test('an event is measured as it is kept', () => {
    const base = JSON.stringify(track({ a: '' })).length
    const fits = track({ a: 'x'.repeat(1024 - base) })
    const large = track({ a: 'x'.repeat(1025 - base) })
    expect(codeOf(fits, { limits: LIMITS })).toBe('accepted')
    expect(codeOf(large, { limits: LIMITS })).toBe('ERR_EVENT_SIZE')
    const wide = track({ a: 'é'.repeat((1026 - base) / 2) })
    expect(codeOf({ ...wide, writeKey: 'k' }, { limits: LIMITS })).toBe('ERR_EVENT_SIZE')
    const { records, rejected } = decode({ batch: [large, TRACK] }, { limits: LIMITS })
    expect(records).toHaveLength(1)
    expect(String(rejected[0].original)).toHaveLength(1024)
  })

  test('the outer context counts', () => {
    const context = { a: 'x'.repeat(1000) }
    const { rejected } = decode({ batch: [TRACK], context }, { limits: LIMITS })
    expect(rejected).toMatchObject([{ code: 'ERR_EVENT_SIZE' }])
  })

  test('an outer context that no event could carry refuses the body', () => {
    const context = { a: 'x'.repeat(1024) }
    const { frame } = decode({ batch: [TRACK], context }, { limits: LIMITS })
    expect(frame.error).toMatchObject({ code: 'ERR_EVENT_SIZE' })
    const integrations = { a: 'x'.repeat(1024) }
    expect(codeOf({ batch: [TRACK], integrations }, { limits: LIMITS })).toBe('ERR_EVENT_SIZE')
  })

  test('an outer context times the events is bounded', () => {
    const context = { a: 'x'.repeat(30_000) }
    const batch = Array.from({ length: 600 }, () => TRACK)
    const { frame, records } = decode({ batch, context })
    expect(frame.error).toMatchObject({ code: 'ERR_EVENT_SIZE' })
    expect(records).toEqual([])
    expect(decode({ batch: batch.slice(0, 500), context }).records).toHaveLength(500)
  })
})

describe('names that reach a prototype', () => {
  test.each([
    '{"type":"track","userId":"u","event":"A","properties":{"__proto__":{"x":1}}}',
    '{"type":"track","userId":"u","event":"A","constructor":{"prototype":{"x":1}}}',
    '{"type":"track","userId":"u","event":"A","properties":{"a":[{"prototype":1}]}}',
    '{"type":"track","userId":"u","event":"A","properties":{"\\u005f_proto__":{"x":1}}}',
    '{"type":"track","userId":"u","event":"A","properties":{"const\\u0072uctor":1}}',
  ])('%s', (body) => {
    expect(codeOf(body)).toBe('ERR_EVENT_NAME_UNSAFE')
    expect(codeOf(`{"batch":[${body}]}`)).toBe('ERR_EVENT_NAME_UNSAFE')
  })

  test('in the outer context they refuse the body; as values they are harmless', () => {
    const body = `{"batch":[${JSON.stringify(TRACK)}],"context":{"__proto__":{"userAgent":"x"}}}`
    expect(decode(body).frame.error).toMatchObject({ code: 'ERR_EVENT_NAME_UNSAFE' })
    expect(codeOf(track({ name: 'constructor', b: '__proto__' }))).toBe('accepted')
  })
})

describe('types', () => {
  test.each([
    ['t', 'track'],
    ['i', 'identify'],
    ['p', 'page'],
    ['s', 'screen'],
  ])('%s is %s', (a, b) => {
    expect(decodeOne({ ...TRACK, type: a })).toMatchObject({ type: b, message: { type: b } })
  })

  test.each([undefined, null, 'x', 'constructor', '__proto__', 5, {}, 'Track'])(
    'not %j',
    (type) => {
      expect(codeOf({ ...TRACK, type })).toBe('ERR_EVENT_TYPE')
    },
  )

  test('RudderStack’s merge is named as not supported', () => {
    const { rejected } = decode({ ...TRACK, type: 'merge' })
    expect(rejected).toMatchObject([
      { code: 'ERR_EVENT_TYPE', reason: expect.stringContaining('merge, which is not supported') },
    ])
  })
})

describe('ids', () => {
  test.each([
    [{ userId: 'u' }, 'user:u'],
    [{ userId: 7 }, 'user:7'],
    [{ anonymousId: 'a' }, 'anonymous:a'],
    [{ userId: '', anonymousId: 'a' }, 'anonymous:a'],
    [{ userId: null, anonymousId: 'a' }, 'anonymous:a'],
    [{ userId: 'u', anonymousId: 'a' }, 'user:u'],
    [{ userId: 'é漢🛒' }, 'user:é漢🛒'],
  ])('%j is %s', (ids, key) => {
    expect(decodeOne({ type: 'page', ...ids }).key).toBe(key)
  })

  test.each([
    [{}, 'ERR_EVENT_ID_MISSING'],
    [{ userId: null, anonymousId: '' }, 'ERR_EVENT_ID_MISSING'],
    [{ userId: {} }, 'ERR_EVENT_ID'],
    [{ userId: true }, 'ERR_EVENT_ID'],
    [{ userId: 1.5 }, 'ERR_EVENT_ID'],
    [{ userId: 'x'.repeat(257) }, 'ERR_EVENT_ID'],
    [{ userId: 'a\ud800b' }, 'ERR_EVENT_ID'],
    [{ anonymousId: '\udc00' }, 'ERR_EVENT_ID'],
    [{ userId: 'u', anonymousId: ['a'] }, 'ERR_EVENT_ID'],
    [{ userId: 'undefined' }, 'ERR_EVENT_ID_BLOCKED'],
    [{ userId: ' NULL ' }, 'ERR_EVENT_ID_BLOCKED'],
    [{ userId: '   ' }, 'ERR_EVENT_ID_BLOCKED'],
    [{ userId: 0 }, 'ERR_EVENT_ID_BLOCKED'],
    [{ anonymousId: '00000000-0000-0000-0000-000000000000' }, 'ERR_EVENT_ID_BLOCKED'],
  ])('%j is refused by %s', (ids, code) => {
    expect(codeOf({ type: 'page', ...ids })).toBe(code)
  })

  test('an anonymousId that stands for none is dropped beside a userId', () => {
    const record = decodeOne({ type: 'identify', userId: 'u', anonymousId: 'undefined' })
    expect(record).toMatchObject({ key: 'user:u', strings: {} })
  })

  test.each(['a'.repeat(100), 5, {}, true])('messageId %j is refused', (messageId) => {
    expect(codeOf({ ...TRACK, messageId })).toBe('ERR_EVENT_MESSAGE_ID')
  })

  test('messageId is kept; none is none', () => {
    expect(decodeOne({ ...TRACK, messageId: 'm'.repeat(99) }).messageId).toBe('m'.repeat(99))
    for (const messageId of [null, ''])
      expect(decodeOne({ ...TRACK, messageId }).messageId).toBe('')
  })

  test.each([
    [{ userId: 'u', previousId: 'p' }, 'accepted'],
    [{ userId: 'u' }, 'ERR_EVENT_PREVIOUS_ID'],
    [{ userId: 'u', previousId: 'u' }, 'ERR_EVENT_PREVIOUS_ID'],
    [{ userId: 5, previousId: '5' }, 'ERR_EVENT_PREVIOUS_ID'],
    [{ userId: 'u', previousId: 'null' }, 'ERR_EVENT_ID_BLOCKED'],
    [{ userId: 'u', previousId: {} }, 'ERR_EVENT_ID'],
    [{ userId: 'u', previousId: 'x\ud800' }, 'ERR_EVENT_ID'],
    [{ anonymousId: 'a', previousId: 'p' }, 'ERR_EVENT_ID_MISSING'],
    [{ previousId: 'p' }, 'ERR_EVENT_ID_MISSING'],
  ])('alias %j: %s', (ids, code) => {
    expect(codeOf({ type: 'alias', ...ids })).toBe(code)
  })

  test.each([
    [{ groupId: 'g' }, 'accepted'],
    [{ groupId: 12 }, 'accepted'],
    [{}, 'ERR_EVENT_GROUP_ID'],
    [{ groupId: '' }, 'ERR_EVENT_GROUP_ID'],
    [{ groupId: [] }, 'ERR_EVENT_ID'],
    [{ groupId: 'guest' }, 'ERR_EVENT_ID_BLOCKED'],
  ])('group %j: %s', (ids, code) => {
    expect(codeOf({ type: 'group', userId: 'u', ...ids })).toBe(code)
  })
})

describe('what a record takes', () => {
  test('numbers and texts of properties', () => {
    const properties = {
      product_id: 'p1',
      sku: 42,
      category: 'shoes',
      price: '19.90',
      quantity: 2,
      value: 'high',
      position: null,
      coupon: '',
      currency: 'eur',
      other: { a: 1 },
    }
    expect(decodeOne(track(properties))).toMatchObject({
      numbers: { price: 19.9, quantity: 2 },
      strings: { product_id: 'p1', sku: '42', category: 'shoes', currency: 'EUR' },
    })
  })

  test('rating as text', () => {
    const rated = track({ rating: '4.5' }, { event: 'Product Reviewed' })
    expect(decodeOne(rated).numbers).toEqual({ rating: 4.5 })
    expect(decodeOne(track({ rating: 'five stars' })).numbers).toEqual({})
  })

  test.each([
    [{ price: -1 }, 'ERR_EVENT_NEGATIVE'],
    [{ tax: -0.01 }, 'ERR_EVENT_NEGATIVE'],
    [{ shipping: '-3' }, 'ERR_EVENT_NEGATIVE'],
    [{ quantity: -2 }, 'ERR_EVENT_NEGATIVE'],
    [{ price: 'NaN' }, 'ERR_EVENT_NUMBER'],
    [{ price: '12 €' }, 'ERR_EVENT_NUMBER'],
    [{ revenue: 1e13 }, 'ERR_EVENT_NUMBER'],
    [{ total: {} }, 'ERR_EVENT_NUMBER'],
    [{ currency: 'XXX' }, 'ERR_EVENT_CURRENCY'],
    [{ currency: 'XTS' }, 'ERR_EVENT_CURRENCY'],
    [{ currency: 'euro' }, 'ERR_EVENT_CURRENCY'],
    [{ currency: 978 }, 'ERR_EVENT_CURRENCY'],
    [{ products: {} }, 'ERR_EVENT_PRODUCTS'],
    [{ products: [1] }, 'ERR_EVENT_PRODUCTS'],
    [{ products: Array.from({ length: 501 }, () => ({})) }, 'ERR_EVENT_PRODUCTS'],
    [{ products: [{ price: -1 }] }, 'ERR_EVENT_NUMBER'],
    [{ products: [{ quantity: 'x' }] }, 'ERR_EVENT_NUMBER'],
    [{ products: [{ currency: 'QQQ' }] }, 'ERR_EVENT_CURRENCY'],
  ])('%j is refused by %s', (properties, code) => {
    expect(codeOf(track(properties))).toBe(code)
  })

  test('infinite numbers are refused where they are prices', () => {
    const body = '{"type":"track","userId":"u","event":"A","properties":{"price":1e400}}'
    expect(codeOf(body)).toBe('ERR_EVENT_NUMBER')
  })

  test.each([
    [{ ...TRACK, event: undefined }, 'ERR_EVENT_NAME'],
    [{ ...TRACK, event: '' }, 'ERR_EVENT_NAME'],
    [{ ...TRACK, event: 5 }, 'ERR_EVENT_NAME'],
    [{ ...TRACK, event: 'x'.repeat(201) }, 'ERR_EVENT_NAME'],
    [track([]), 'ERR_EVENT_SHAPE'],
    [track('x'), 'ERR_EVENT_SHAPE'],
    [{ type: 'identify', userId: 'u', traits: [] }, 'ERR_EVENT_SHAPE'],
    [{ ...TRACK, timestamp: 'x' }, 'ERR_EVENT_TIMESTAMP'],
    [{ ...TRACK, timestamp: '2100-01-01' }, 'ERR_EVENT_TIME_RANGE'],
    [{ ...TRACK, timestamp: 0 }, 'ERR_EVENT_TIME_RANGE'],
  ])('%j is refused by %s', (message, code) => {
    expect(codeOf(message)).toBe(code)
  })

  test('products, and an order’s revenue from what is there', () => {
    const products = [
      { product_id: 'a', price: 10, quantity: 2, category: 'c', brand: 'b' },
      { productId: 5, price: '2.5' },
      { sku: 's' },
    ]
    const order = (properties: unknown): Record<string, number> =>
      decodeOne(track(properties, { event: 'Completed Order' })).numbers
    const none = Number.NaN
    expect(decodeOne(track({ products })).products).toEqual([
      { price: 10, quantity: 2, id: 'a', category: 'c', brand: 'b' },
      { price: 2.5, quantity: none, id: '5', category: '', brand: '' },
      { price: none, quantity: none, id: 's', category: '', brand: '' },
    ])
    expect(order({ products })).toEqual({ revenue: 22.5 })
    expect(order({ products, subtotal: 20 })).toEqual({ subtotal: 20, revenue: 20 })
    expect(order({ total: 30, subtotal: 20 })).toEqual({ total: 30, subtotal: 20, revenue: 30 })
    expect(order({ total: 30, revenue: 1 })).toEqual({ total: 30, revenue: 1 })
  })

  test('nothing stays from the message before', () => {
    const full = track(
      { price: 1, sku: 's', products: [{ price: 1 }] },
      { messageId: 'm', anonymousId: 'a' },
    )
    const page = { type: 'page', anonymousId: 'b' }
    const { records } = decode({ batch: [full, page, { ...full, writeKey: 'x' }, page] })
    for (const record of [records[1], records[3]]) {
      expect(record).toMatchObject({ messageId: '', name: '', numbers: {}, products: [] })
      expect(record.strings).toEqual({ anonymous_id: 'b' })
      expect(record.message).toEqual(page)
    }
  })

  test('context: page, campaign, device, place; the event’s own path wins', () => {
    const context = {
      page: { path: '/c', url: 'https://s/c', referrer: 'r', referring_domain: 'd' },
      campaign: { source: 'news', medium: 'mail', name: 'spring' },
      device: { type: 'phone' },
      os: { name: 'iOS' },
      location: { country: 'DE', city: 'Kiel' },
      locale: 'de-DE',
    }
    expect(decodeOne(track({ path: '/own' }, { context })).strings).toEqual({
      path: '/own',
      url: 'https://s/c',
      referrer: 'r',
      referring_domain: 'd',
      campaign_source: 'news',
      campaign_medium: 'mail',
      campaign_name: 'spring',
      device_type: 'phone',
      os_name: 'iOS',
      country: 'DE',
      city: 'Kiel',
      locale: 'de-DE',
    })
  })

  test('traits: country and city, also from the address', () => {
    const traits = { city: 'Ulm', address: { country: 'DE', city: 'Bonn' } }
    const identify = { type: 'identify', userId: 'u', traits }
    expect(decodeOne(identify).strings).toEqual({ city: 'Ulm', country: 'DE' })
  })

  test('long texts are cut without splitting a pair', () => {
    const name = `${'x'.repeat(511)}🛒y`
    const record = decodeOne(track({ name }))
    expect(record.strings.name).toBe('x'.repeat(511))
    expect(record.message.properties).toEqual({ name })
  })

  test('bots by the context’s agent, else by the transport’s', () => {
    const bot = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
    const person = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36'
    const from = (userAgent: string): object => ({ ...TRACK, context: { userAgent } })
    const { records } = decode({ batch: [from(bot), from(person), from(bot), TRACK] })
    expect(records.map((record) => record.bot)).toEqual([true, false, true, false])
    expect(decodeOne(TRACK, { userAgent: bot }).bot).toBe(true)
    expect(decodeOne(from(person), { userAgent: bot }).bot).toBe(false)
    expect(decodeOne(from(`${bot} ${'x'.repeat(2000)}`)).bot).toBe(true)
  })

  test('history: arrival is the event’s time', () => {
    const old = {
      ...TRACK,
      timestamp: '2020-01-02T03:04:05.000Z',
      sentAt: '2020-01-02T03:04:09.000Z',
    }
    const time = Date.UTC(2020, 0, 2, 3, 4, 5)
    const expected = { historical: true, time, arrival: time }
    expect(decodeOne({ batch: [old] }, { route: 'import' })).toMatchObject(expected)
    expect(decodeOne({ batch: [old], import: true })).toMatchObject(expected)
    const live = { historical: false, time: NOW - 4000, arrival: NOW }
    expect(decodeOne({ batch: [old] })).toMatchObject(live)
    expect(codeOf({ batch: [TRACK], import: true })).toBe('ERR_EVENT_TIMESTAMP')
  })
})

describe('vocabulary', () => {
  test('canonical names, first-version names and any case', () => {
    EVENT_NAMES.forEach((name, i) => {
      expect(eventCodeOf(name)).toBe(i + 1)
      expect(eventCodeOf(name.toUpperCase())).toBe(i + 1)
      expect(eventNameOf(i + 1)).toBe(name)
    })
    expect(eventNameOf(eventCodeOf('Completed Order'))).toBe('Order Completed')
    expect(eventNameOf(eventCodeOf('viewed product'))).toBe('Product Viewed')
    expect(eventCodeOf('Song Played')).toBe(0)
    expect(decodeOne({ ...TRACK, event: 'Song Played' }).name).toBe('Song Played')
  })
})

describe('shards', () => {
  const owner = (kind: 1 | 2, key: string): number => shardOfHash(hashKey(kind, key).high, 7)

  test('what may join goes to the owner of the earlier id, the rest to its key’s', () => {
    for (let i = 0; i < 50; i++) {
      const ids = { userId: `user-${i}`, anonymousId: `visitor-${i}` }
      const user = owner(KEY_KIND.user, ids.userId)
      const visitor = owner(KEY_KIND.anonymous, ids.anonymousId)
      const shard = (message: object): number => decodeOne(message, { shardCount: 7 }).shard
      expect(shard({ type: 'page', ...ids })).toBe(user)
      expect(shard({ type: 'page', anonymousId: ids.anonymousId })).toBe(visitor)
      expect(shard({ type: 'identify', userId: ids.userId })).toBe(user)
      expect(shard({ type: 'identify', ...ids })).toBe(visitor)
      expect(shard({ type: 'identify', anonymousId: ids.anonymousId })).toBe(visitor)
      const alias = { type: 'alias', userId: ids.userId, previousId: ids.anonymousId }
      expect(shard(alias)).toBe(visitor)
      expect(decodeOne(alias, { shardCount: 7 }).key).toBe(`user:${ids.userId}`)
    }
  })
})
