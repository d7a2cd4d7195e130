import { loadLearner } from '../../../src/model/learners/registry.ts'
import type { ModelRegistry } from '../../../src/model/registry.ts'
import type { DataTable } from '../../../src/model/table/read-table.ts'
import type { TableColumn } from '../../../src/model/table/schema.ts'
import { fitPipeline, PLAIN_PIPELINE } from '../../../src/model/training/fit-pipeline.ts'
import type { JournalSource, ModelManifest } from '../../../src/model/version/manifest.ts'
import { saveModelVersion } from '../../../src/model/version/save-version.ts'
import type { Member } from '../../../src/model/version/model-version.ts'
import { Random } from '../../../src/model/random.ts'

const COLUMNS: readonly TableColumn[] = [
  { name: 'visits', kind: 'number', categories: [], truth: false, origin: 0 },
  {
    name: 'device',
    kind: 'category',
    categories: ['desktop', 'phone', 'tablet'],
    truth: false,
    origin: 0,
  },
  { name: 'spend', kind: 'number', categories: [], truth: false, origin: 0 },
]

const CLASSES = { binary: ['no', 'yes'], multiclass: ['a', 'b', 'c'], regression: [] }

/** Rows in which visits, device and spend all matter; a tenth of each is missing. */
export function madeTable(task: keyof typeof CLASSES, count = 400): DataTable {
  const random = new Random(3)
  const rows = new Float32Array(count * COLUMNS.length)
  const labels = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const values = [random.normal(), Math.floor(random.next() * 3), Math.exp(random.normal())]
    const signal = values[0] + values[1] - Math.log(values[2]) + random.normal() - 1
    labels[row] =
      task === 'regression'
        ? signal
        : task === 'binary'
          ? Number(signal > 0)
          : signal < -1
            ? 0
            : signal < 1
              ? 1
              : 2
    rows.set(
      values.map((value) => (random.next() < 0.1 ? Number.NaN : value)),
      row * COLUMNS.length,
    )
  }
  const label = { name: 'outcome', task, classes: CLASSES[task], truth: false }
  return {
    schema: { columns: COLUMNS, ignored: [], label },
    columns: COLUMNS,
    task,
    count,
    width: COLUMNS.length,
    rows,
    labels,
    classes: CLASSES[task].length,
    unlabelled: 0,
    unknownLabels: 0,
    misfits: {},
    extra: [],
  }
}

export interface MadeVersion {
  readonly task?: keyof typeof CLASSES
  readonly learners?: readonly string[]
  readonly seed?: number
  readonly name?: string
  readonly manifest?: Partial<ModelManifest>
}

export const JOURNAL: JournalSource = {
  kind: 'journal',
  schemaHash: 'abc',
  positions: [{ shard: 0, next: 10 }],
  from: 1,
  to: 2,
  records: 10,
  rows: 3,
  censored: 0,
  unlabelled: 0,
  excluded: 0,
}

/** Fits a small model for real and saves it. */
export async function saveMade(
  registry: ModelRegistry,
  made: MadeVersion = {},
): Promise<{ manifest: ModelManifest; table: DataTable; members: readonly Member[] }> {
  const { task = 'binary', learners = ['tree'], seed = 1, name = 'purchase' } = made
  const table = madeTable(task)
  const rows = Uint32Array.from(table.labels, (_, row) => row)
  const members: Member[] = []
  for (const learner of learners) {
    const request = { parameters: {}, seed, options: PLAIN_PIPELINE }
    const pipeline = await fitPipeline(await loadLearner(learner), table, rows, request)
    members.push({ learner, parameters: {}, pipeline })
  }
  const version = {
    model: name,
    task,
    target: 'outcome',
    source: JOURNAL,
    schema: table.schema,
    seed,
    split: { kind: 'folds', folds: 5 } as const,
    threshold: task === 'binary' ? 0.4 : null,
    calibration: null,
    metrics: {} as ModelManifest['metrics'],
    tried: [],
    failed: [],
    ...made.manifest,
  }
  return { manifest: await saveModelVersion(registry, version, members), table, members }
}
