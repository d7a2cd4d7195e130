import { expect, test } from 'vitest'
import { CsvReader } from '../../src/cli/import-csv.ts'
import type { Delimiter } from '../../src/cli/import-csv.ts'

function read(text: string, columns: number, delimiter: Delimiter = ',') {
  return new CsvReader(delimiter, columns)
    .push(text.split('\n'), true)
    .map((record) => ('cells' in record ? record.cells : [record.line, record.code]))
}

test.each([
  [
    ',',
    'a,b\nc,',
    [
      ['a', 'b'],
      ['c', ''],
    ],
  ],
  [';', 'a,b;c', [['a,b', 'c']]],
  ['tab', 'a b\tc', [['a b', 'c']]],
  [
    'spaces',
    '  a   b \n\n "c d"',
    [
      ['a', 'b'],
      ['"c', 'd"'],
    ],
  ],
] as const)('delimiter %s', (delimiter, text, records) => {
  expect(read(text, 2, delimiter)).toEqual(records)
})

test('quoted cells hold delimiters, quotes and line ends', () => {
  const text = '"a,1","say ""x"""\n"two\nlines",b\nc,d'
  expect(read(text, 2)).toEqual([
    ['a,1', 'say "x"'],
    ['two\nlines', 'b'],
    ['c', 'd'],
  ])
})

test('a stray quote costs its own line alone', () => {
  const text = 'a,b\n"c,d\ne,f\n"g,h",i\nj,"k'
  expect(read(text, 2)).toEqual([
    ['a', 'b'],
    [2, 'ERR_IMPORT_QUOTE'],
    ['e', 'f'],
    ['g,h', 'i'],
    [5, 'ERR_IMPORT_QUOTE'],
  ])
  expect(read('a,b"c\nd"e,f\ng,h', 2)).toEqual([
    [1, 'ERR_IMPORT_QUOTE'],
    [2, 'ERR_IMPORT_QUOTE'],
    ['g', 'h'],
  ])
})

test('a wrong number of columns is a fault with its line', () => {
  expect(read('a,b\nc\n\nd,e,f\n"g"\nh,i', 2)).toEqual([
    ['a', 'b'],
    [2, 'ERR_IMPORT_COLUMNS'],
    [4, 'ERR_IMPORT_COLUMNS'],
    [5, 'ERR_IMPORT_COLUMNS'],
    ['h', 'i'],
  ])
})

test('records are the same however the lines arrive', () => {
  const lines = '"a\nb",1\nc,2\n"d,3\ne,"4"\nf,5'.split('\n')
  const whole = new CsvReader(',', 2).push(lines, true)
  const reader = new CsvReader(',', 2)
  const pieces = lines.flatMap((line) => reader.push([line]))
  expect([...pieces, ...reader.push([], true)]).toEqual(whole)
})
