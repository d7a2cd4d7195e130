import { expect, test } from 'vitest'
import { compileTime, parseZone } from '../../src/cli/map-time.ts'

test.each([
  ['iso', '2010-01-02', '2010-01-02T00:00:00.000Z'],
  ['iso', '2010-01-02 03:04:05', '2010-01-02T03:04:05.000Z'],
  ['iso', '2010-01-02T03:04:05.678+02:00', '2010-01-02T01:04:05.678Z'],
  ['iso', '2010-01', null],
  ['epoch_ms', '1433193132535', '2015-06-01T21:12:12.535Z'],
  ['epoch_s', '1433193132.5', '2015-06-01T21:12:12.500Z'],
  ['epoch_s', 'soon', null],
  ['YYYYMMDD', '19970228', '1997-02-28T00:00:00.000Z'],
  ['YYYYMMDD', '19970229', null],
  ['YYYYMMDD', '19971301', null],
  ['YYYY-M-D', '2008-4-1', '2008-04-01T00:00:00.000Z'],
  ['YYYY-MM-DD HH:mm', '2009-12-01 07:45', '2009-12-01T07:45:00.000Z'],
  ['YYYY-MM-DD HH:mm', '2009-12-01 24:00', null],
  ['D/M/YYYY H:mm:ss.SSS', '1/12/2009 7:45:01.002', '2009-12-01T07:45:01.002Z'],
])('%s reads %s', (format, text, expected) => {
  const time = compileTime(format, 0)?.(text) ?? Number.NaN
  expect(Number.isNaN(time) ? null : new Date(time).toISOString()).toBe(expected)
})

test.each(['YYYY', 'YYYY-MM', 'YYYY-MM-DD-MM', 'YY-MM-DD', 'seconds'])(
  '%s is no format',
  (format) => {
    expect(compileTime(format, 0)).toBeNull()
  },
)

test('zones are offsets from UTC', () => {
  expect(['UTC', '+01:00', '-05:30', 'CET', '+99:00'].map(parseZone)).toEqual([
    0,
    60,
    -330,
    null,
    null,
  ])
  expect(compileTime('iso', 60)?.('2010-01-02T01:00:00Z')).toBe(Date.UTC(2010, 0, 2, 1))
  expect(compileTime('iso', 60)?.('2010-01-02T01:00')).toBe(Date.UTC(2010, 0, 2))
})
