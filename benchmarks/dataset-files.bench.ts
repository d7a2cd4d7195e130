/**
 * How fast is a dataset built from the journal, and in how much memory?
 *
 * Load: a journal of a million records (ten million with `--full`), two shards, shoppers of some
 * twenty events each; `limn dataset build purchase` under the shipped definition, every event a row,
 * in its own process on the disk of the temporary directory. Memory is the process's own (heaps and
 * buffers), at its highest, above what it is for a journal of a thousand records; pages of the
 * journal that the system keeps mapped are not in it. CPU time is that of all its threads, above the
 * same. The writer alone: rows of 80 features, some
 * with few different values, a tenth missing. Budget: 200,000 records/s, 1 GiB.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeDataset } from '../src/model/dataset-files/dataset-writer.ts'
import type { DatasetManifest } from '../src/model/dataset-files/manifest.ts'
import type { Feature } from '../src/profile/feature-vector.ts'
import { Random } from '../src/model/random.ts'
import type { Benchmark } from './benchmark.ts'
import { size, speed } from './benchmark.ts'
import { makeJournal } from './made-journal.ts'
import { benchDirectory, cpuOf, LIMN } from './server.ts'

const RECORDS = 1_000_000
const RECORDS_FULL = 10_000_000
const WIDTH = 80
const WRITER_ROWS = 200_000
const POOL_ROWS = 4_096
const LOOK_MS = 50
/** Records of a journal that takes no time and memory of its own to speak of. */
const RECORDS_IDLE = 1_000

export const datasetFiles: Benchmark = {
  name: 'datasetFiles',
  figures: [
    speed('datasetRecordsPerSecond', '/s', { better: 'higher', must: 200_000 }),
    speed('datasetCpuMicrosecondsPerRecord', 'µs', { better: 'lower' }),
    size('datasetExtraMegabytes', 'MB', { better: 'lower', must: 1_074 }),
    size('datasetBytesPerRow', 'B', { better: 'lower' }),
    speed('datasetWriterMegabytesPerSecond', 'MB/s', { better: 'higher' }),
  ],
  async run({ full, say }) {
    const records = full ? RECORDS_FULL : RECORDS
    const directory = benchDirectory()
    try {
      const writer = await writerSpeed(join(directory.path, 'written'))
      const [small, large] = [join(directory.path, 'small'), join(directory.path, 'large')]
      await makeJournal(small, RECORDS_IDLE)
      const idle = await build(small)
      say(`a journal of ${records} records …`)
      await makeJournal(large, records)
      const built = await build(large)
      const { rows, files, features } = built.manifest
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
      return {
        results: {
          datasetRecordsPerSecond: records / built.seconds,
          datasetCpuMicrosecondsPerRecord:
            (built.cpuNanoseconds - idle.cpuNanoseconds) / 1e3 / records,
          datasetExtraMegabytes: (built.peakBytes - idle.peakBytes) / 1e6,
          datasetBytesPerRow: bytes / rows,
          datasetWriterMegabytesPerSecond: writer,
        },
        notes: {
          datasetRecordsPerSecond: `${records} records, ${rows} rows of ${features.length} features`,
          datasetExtraMegabytes: `above ${Math.round(idle.peakBytes / 1e6)} MB`,
        },
      }
    } finally {
      directory.remove()
    }
  },
}

interface Built {
  readonly manifest: DatasetManifest
  readonly seconds: number
  readonly cpuNanoseconds: number
  readonly peakBytes: number
}

async function build(dataDir: string): Promise<Built> {
  const out = join(dataDir, 'dataset')
  const words = ['dataset', 'build', 'purchase', '--data', dataDir, '--out', out, '--json']
  const started = performance.now()
  const child = spawn(process.execPath, [LIMN, ...words], {
    env: { ...process.env, LIMN_STORAGE_SHARDS: '2' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let peakBytes = 0
  let cpuNanoseconds = 0
  const look = setInterval(() => {
    const pid = child.pid ?? 0
    peakBytes = Math.max(
      peakBytes,
      whileThere(() => ownBytes(pid)),
    )
    cpuNanoseconds = Math.max(
      cpuNanoseconds,
      whileThere(() => cpuOf(pid)),
    )
  }, LOOK_MS)
  try {
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    if (code !== 0) throw new Error(`limn dataset build ended with ${String(code)}`)
    const seconds = (performance.now() - started) / 1_000
    return { manifest: JSON.parse(output) as DatasetManifest, seconds, cpuNanoseconds, peakBytes }
  } finally {
    clearInterval(look)
  }
}

/** Memory that no file stands behind. */
function ownBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024
}

/** What is read of a process; 0 once it has ended. */
function whileThere(read: () => number): number {
  try {
    return read()
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return 0
    throw error
  }
}

/** Bytes of features a second, as 32-bit numbers. */
async function writerSpeed(directory: string): Promise<number> {
  const pool = makePool()
  const features = Array.from({ length: WIDTH }, (_, i): Feature => {
    return { name: `feature ${i}`, kind: 'number', step: null }
  })
  const label = { task: 'binary', classes: ['no', 'yes'] } as const
  const started = performance.now()
  await writeDataset(
    {
      directory,
      features,
      label,
      model: 'made',
      schemaHash: 'made',
      target: 'nothing',
      plan: null,
    },
    async (writer) => {
      for (let i = 0; i < WRITER_ROWS; i++) {
        const row = { time: i, shard: 0, sequence: i, label: i % 7 === 0 ? 1 : 0 }
        writer.add(row, pool[(i * 613) % POOL_ROWS])
      }
      const counts = { records: 0, censored: 0, unlabelled: 0, excluded: 0, late: 0 }
      return Promise.resolve({ positions: [], from: null, to: null, ...counts })
    },
  )
  return (WRITER_ROWS * WIDTH * 4) / 1e3 / (performance.now() - started)
}

/** Columns in turn: any number, one of twenty, a flag, one of three; of every third a part is missing. */
function makePool(): Float32Array[] {
  const random = new Random(1)
  const kinds = [1e4, 20, 2, 3]
  return Array.from({ length: POOL_ROWS }, () =>
    Float32Array.from({ length: WIDTH }, (_, i) => {
      if (i % 3 === 0 && random.next() < 0.3) return Number.NaN
      const value = random.next() * kinds[i % kinds.length]
      return i % kinds.length === 0 ? value : Math.floor(value)
    }),
  )
}
