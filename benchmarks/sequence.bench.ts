/**
 * How long do the sequence learners take to fit, and to score a row?
 *
 * Load: 20,000 rows of 16 steps of 30 inputs (the flag of one of 26 events, and four numbers), up to
 * half of the steps missing; the label is which of two events came last. Hidden state of 32, ten epochs
 * of which none is left out; one thread. Scoring in batches of 1,024, and one row at a time in the
 * notes. Not measured: reading features, preparation, quality.
 */
import type { Examples, Learner } from '../src/model/learners/learner.ts'
import { gru, lstm } from '../src/model/learners/sequence/sequence.ts'
import { Random } from '../src/model/random.ts'
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'
import { microsecondsPerRow } from './row-time.ts'

const STEPS = 16
const EVENTS = 26
const INPUTS = EVENTS + 4
const WIDTH = STEPS * INPUTS
const ROWS = 20_000
const TABLE_ROWS = 4_096
const EPOCHS = 10
const PARAMETERS = { hidden: 32, epochs: EPOCHS, patience: EPOCHS }

export const sequence: Benchmark = {
  name: 'sequence',
  figures: [
    speed('gruFitSeconds', 's', { better: 'lower' }),
    speed('lstmFitSeconds', 's', { better: 'lower' }),
    speed('gruMicrosecondsPerRow', 'µs', { better: 'lower' }),
    speed('lstmMicrosecondsPerRow', 'µs', { better: 'lower' }),
  ],
  async run({ seconds }) {
    const training = makeRows(ROWS, 1)
    const { rows } = makeRows(TABLE_ROWS, 2)
    const ofGru = await measure(gru, { training, rows, seconds })
    const ofLstm = await measure(lstm, { training, rows, seconds })
    return {
      results: {
        gruFitSeconds: ofGru.fitSeconds,
        lstmFitSeconds: ofLstm.fitSeconds,
        gruMicrosecondsPerRow: ofGru.batch,
        lstmMicrosecondsPerRow: ofLstm.batch,
      },
      notes: {
        gruFitSeconds: `${ROWS} rows, ${EPOCHS} epochs`,
        gruMicrosecondsPerRow: `${ofGru.single.toPrecision(3)} µs a row alone`,
        lstmMicrosecondsPerRow: `${ofLstm.single.toPrecision(3)} µs a row alone`,
      },
    }
  },
}

interface Load {
  readonly training: Examples
  readonly rows: Float32Array
  readonly seconds: number
}

async function measure(
  learner: Learner,
  { training, rows, seconds }: Load,
): Promise<{ fitSeconds: number; batch: number; single: number }> {
  const started = performance.now()
  const request = { training, validation: null, parameters: PARAMETERS, seed: 1 }
  const predictor = await learner.fit(request)
  const fitSeconds = (performance.now() - started) / 1_000
  const [batch, single] = [1_024, 1].map((size) =>
    microsecondsPerRow(predictor, rows, { size, seconds: seconds / 10 }),
  )
  predictor.dispose()
  return { fitSeconds, batch, single }
}

function makeRows(count: number, seed: number): Examples {
  const random = new Random(seed)
  const rows = new Float32Array(count * WIDTH)
  const labels = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const missing = Math.floor((random.next() * STEPS) / 2)
    rows.fill(Number.NaN, row * WIDTH, row * WIDTH + missing * INPUTS)
    for (let step = missing; step < STEPS; step++) {
      const inputs = rows.subarray(row * WIDTH + step * INPUTS, row * WIDTH + (step + 1) * INPUTS)
      const event = Math.floor(random.next() * EVENTS)
      inputs[event] = 1
      for (let i = EVENTS; i < INPUTS; i++) inputs[i] = random.normal()
      if (event < 2) labels[row] = event
    }
  }
  const names = Array.from({ length: WIDTH }, (_, i) => `input ${i}`)
  const shape = { task: 'binary', names, width: WIDTH, steps: STEPS, classes: 2 } as const
  return { ...shape, count, rows, labels, weights: null }
}
