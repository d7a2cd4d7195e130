/**
 * How long does one call of the key index take at worst as it grows, and what do calls cost on average?
 *
 * Load: ids of 20 digits, one after the other, into an index of its own, to a million of them (`--full`:
 * ten million); then look-ups of random ones. An index is built three times, and a call's time is the
 * least of the three, so that what the machine takes away at a moment is not counted. Budget: 1 ms a
 * call at any size.
 */
import { hashBytes } from '../src/event/hash.ts'
import { KEY_KIND } from '../src/event/record.ts'
import { KeyIndex } from '../src/profile/key-index.ts'
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'
import { median } from './median.ts'

const KEYS = 1_000_000
const KEYS_FULL = 10_000_000
const BUILDS = 3
const FINDS = 1 << 16
const FIND_ROUNDS = 20
const ID_BYTES = 20

export const keyIndex: Benchmark = {
  name: 'keyIndex',
  figures: [
    speed('keyIndexWorstCallMs', 'ms', { better: 'lower', must: 1 }),
    speed('keyIndexAddNs', 'ns', { better: 'lower' }),
    speed('keyIndexFindNs', 'ns', { better: 'lower' }),
  ],
  run({ full }) {
    const count = full ? KEYS_FULL : KEYS
    const least = new Float32Array(count).fill(Number.POSITIVE_INFINITY)
    let index = new KeyIndex()
    for (let build = 0; build < BUILDS; build++) index = buildIndex(count, least)
    let worst = 0
    let sum = 0
    for (const milliseconds of least) {
      worst = Math.max(worst, milliseconds)
      sum += milliseconds
    }
    return Promise.resolve({
      results: {
        keyIndexWorstCallMs: worst,
        keyIndexAddNs: (sum / count) * 1e6,
        keyIndexFindNs: findNanoseconds(index, count),
      },
      notes: { keyIndexWorstCallMs: `${count} keys` },
    })
  },
}

const id = new Uint8Array(ID_BYTES)
const hash = { low: 0, high: 0 }

function writeId(number: number): void {
  for (let at = ID_BYTES - 1, rest = number; at >= 0; at--, rest = Math.floor(rest / 10)) {
    id[at] = 0x30 + (rest % 10)
  }
  hashBytes(id, 0, ID_BYTES, KEY_KIND.user, hash)
}

function buildIndex(count: number, least: Float32Array): KeyIndex {
  const index = new KeyIndex()
  for (let i = 0; i < count; i++) {
    writeId(i)
    const started = performance.now()
    index.add(KEY_KIND.user, hash, id, 0, ID_BYTES)
    least[i] = Math.min(least[i], performance.now() - started)
  }
  return index
}

/** Ids and hashes lie ready, as a record's cursor has them. */
function findNanoseconds(index: KeyIndex, count: number): number {
  const ids = new Uint8Array(FINDS * ID_BYTES)
  const lows = new Uint32Array(FINDS)
  const highs = new Uint32Array(FINDS)
  const rounds: number[] = []
  for (let round = 0; round < FIND_ROUNDS; round++) {
    for (let i = 0; i < FINDS; i++) {
      writeId(Math.floor(Math.random() * count))
      ids.set(id, i * ID_BYTES)
      lows[i] = hash.low
      highs[i] = hash.high
    }
    const started = performance.now()
    let found = 0
    for (let i = 0; i < FINDS; i++) {
      const start = i * ID_BYTES
      const row = index.find(KEY_KIND.user, lows[i], highs[i], ids, start, start + ID_BYTES)
      if (row >= 0) found++
    }
    rounds.push(((performance.now() - started) / FINDS) * 1e6)
    if (found !== FINDS) throw new Error(`${FINDS - found} keys of ${FINDS} were not found`)
  }
  return median(rounds)
}
