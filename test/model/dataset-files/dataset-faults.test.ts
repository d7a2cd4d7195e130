import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { smallDisk } from '../../integration/small-disk.ts'
import { writeDataset } from '../../../src/model/dataset-files/dataset-writer.ts'
import { describeDataset } from '../../../src/model/dataset-files/describe-dataset.ts'
import { readDataset } from '../../../src/model/dataset-files/read-dataset.ts'
import { FACTS, number, PLAIN_FEATURES, plainRows, temporary, writeRows } from './made-dataset.ts'

let made: ReturnType<typeof temporary>
let directory: string
beforeEach(() => {
  made = temporary()
  directory = join(made.path, 'dataset')
})
afterEach(() => made.remove())

const write = (rows = plainRows(200), overwrite = false) =>
  writeRows(rows, { directory, features: PLAIN_FEATURES, groupRows: 60, fileGroups: 2, overwrite })

test('one changed byte anywhere in a file is found', async () => {
  await write()
  expect(readdirSync(directory).sort()).toEqual(['manifest.json', 'rows-2.parquet', 'rows.parquet'])
  for (const name of ['rows.parquet', 'rows-2.parquet']) {
    const path = join(directory, name)
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length; at += Math.ceil(whole.length / 25)) {
      const damaged = Buffer.from(whole)
      damaged[at] ^= 1
      writeFileSync(path, damaged)
      for (const read of [readDataset, describeDataset]) {
        await expect(read(directory)).rejects.toMatchObject({
          code: 'ERR_DATASET_CORRUPT',
          message: `${path} does not match the checksum in its manifest`,
        })
      }
    }
    truncateSync(path, whole.length - 1)
    await expect(readDataset(directory)).rejects.toMatchObject({ code: 'ERR_DATASET_CORRUPT' })
    rmSync(path)
    await expect(readDataset(directory)).rejects.toMatchObject({ code: 'ERR_DATASET_CORRUPT' })
    writeFileSync(path, whole)
  }
  expect((await readDataset(directory)).table.count).toBe(200)
})

test('a changed manifest is found, whatever it says', async () => {
  await write()
  const path = join(directory, 'manifest.json')
  const text = readFileSync(path, 'utf8')
  const changes: [string, string][] = [
    ['"rows": 200', '"rows": 201'],
    ['"model": "purchase"', '"model": "purchasf"'],
    ['limn-dataset', 'limn-datasex'],
    ['{', '['],
  ]
  for (const [from, to] of changes) {
    expect(text).toContain(from)
    writeFileSync(path, text.replace(from, to))
    await expect(readDataset(directory)).rejects.toMatchObject({ code: 'ERR_DATASET_CORRUPT' })
  }
})

test('where there is no dataset, that is said', async () => {
  await expect(readDataset(directory)).rejects.toMatchObject({ code: 'ERR_DATASET_UNKNOWN' })
  await expect(describeDataset(made.path)).rejects.toMatchObject({ code: 'ERR_DATASET_UNKNOWN' })
})

test('a directory in use is refused; a dataset is replaced where that is asked', async () => {
  mkdirSync(directory)
  await write()
  await expect(write(plainRows(10))).rejects.toMatchObject({ code: 'ERR_DATASET_EXISTS' })
  expect((await readDataset(directory)).table.count).toBe(200)
  await write(plainRows(10), true)
  expect((await readDataset(directory)).table.count).toBe(10)
  expect(readdirSync(made.path)).toEqual(['dataset'])

  rmSync(join(directory, 'manifest.json'))
  await expect(write(plainRows(10), true)).rejects.toMatchObject({ code: 'ERR_DATASET_EXISTS' })
  expect(readdirSync(directory)).toEqual(['rows.parquet'])
  rmSync(directory, { recursive: true })
  writeFileSync(directory, 'a file')
  await expect(write(plainRows(10), true)).rejects.toMatchObject({ code: 'ERR_DATASET_EXISTS' })
})

test('a dataset that appears meanwhile is not replaced', async () => {
  const other = { directory, features: PLAIN_FEATURES }
  const late = writeDataset(
    {
      directory,
      model: 'purchase',
      schemaHash: 'made',
      features: [],
      target: 'any',
      plan: null,
      label: { task: 'count', classes: [] },
    },
    async () => {
      await writeRows(plainRows(30), other)
      return FACTS
    },
  )
  await expect(late).rejects.toMatchObject({ code: 'ERR_DATASET_EXISTS' })
  expect((await readDataset(directory)).table.count).toBe(30)
  expect(readdirSync(made.path)).toEqual(['dataset'])
})

test('features that could not be told from other columns are refused', async () => {
  for (const names of [['_label'], [''], ['a', 'b', 'a']]) {
    const written = writeRows([], { directory, features: names.map(number) })
    await expect(written).rejects.toMatchObject({ code: 'ERR_DATASET_COLUMN' })
  }
  expect(readdirSync(made.path)).toEqual([])
})

test('what fails while rows are added leaves nothing new, and what was there', async () => {
  await write(plainRows(10))
  const failing = (work: () => Promise<never>): Promise<unknown> =>
    writeDataset(
      {
        directory,
        overwrite: true,
        model: 'purchase',
        schemaHash: 'made',
        features: PLAIN_FEATURES,
        target: 'any',
        plan: null,
        label: { task: 'binary', classes: ['no', 'yes'] },
        groupRows: 50,
      },
      (writer) => {
        for (const { values, ...row } of plainRows(120)) writer.add(row, Float32Array.from(values))
        return work()
      },
    )
  const abort = new AbortController()
  abort.abort(new Error('interrupted'))
  const interrupted = failing(() => Promise.reject(abort.signal.reason as Error))
  await expect(interrupted).rejects.toThrow('interrupted')
  expect(readdirSync(made.path)).toEqual(['dataset'])
  expect((await readDataset(directory)).table.count).toBe(10)
})

test('reading can be interrupted', async () => {
  await write()
  const abort = new AbortController()
  const reading = readDataset(directory, {
    signal: abort.signal,
    progress: () => abort.abort(new Error('enough')),
  })
  await expect(reading).rejects.toThrow('enough')
})

test('a full disk leaves no dataset, what was there, and a coded error', async (context) => {
  const disk = smallDisk(2)
  if (disk === null) return context.skip('mounting a tmpfs needs root')
  try {
    directory = join(disk.path, 'dataset')
    await write(plainRows(50))
    const noise = Array.from({ length: 200_000 }, (_, i) => ({
      time: i,
      shard: 0,
      sequence: i,
      label: 0,
      values: [Math.sin(i), Math.cos(i), Math.sin(2 * i), i % 10],
    }))
    await expect(write(noise, true)).rejects.toMatchObject({
      code: 'ERR_DATASET_SAVE',
      retryable: true,
      message: expect.stringContaining('no space left') as string,
    })
    expect(readdirSync(disk.path)).toEqual(['dataset'])
    expect((await readDataset(directory)).table.count).toBe(50)
  } finally {
    disk.remove()
  }
})
