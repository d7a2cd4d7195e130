import { binaryMetrics } from '../src/model/evaluation/metrics.ts'
import { readClicks, TEST_MONTH } from './eshop-clicks.ts'
import type { Click } from './eshop-clicks.ts'
import { nextModel } from './eshop-next.ts'
import { frameOfRows, takeRows } from './frame.ts'
import type { Frame } from './frame.ts'
import { logisticBaseline } from './logistic.ts'
import { available, scoreWith } from './models.ts'
import type { Candidate } from './models.ts'
import { BINARY_COLUMNS, binaryValues } from './protocol.ts'
import type { Protocol, ProtocolContext, ResultRow, Section } from './protocol.ts'

const THRESHOLD = 0.5
const CATEGORIES = ['category', 'colour', 'location', 'photography', 'country']

const CANDIDATES: readonly Candidate[] = [
  { label: 'logistic regression', learner: 'logistic' },
  { label: 'neural network', learner: 'network' },
  { label: 'random forest', learner: 'random_forest' },
  { label: 'boosted trees', learner: 'boosted_trees' },
]

/** Is this click the session's last, and which model is looked at next? UCI click-stream, 2008. */
export const eshop: Protocol = {
  name: 'eshop',
  title: 'Leaving now and next model: e-shop clothing 2008',
  folder: 'eshop_2008',
  description:
    'After each click: is it the last one of its session, and which model is clicked next? From the click and those before it. Trained on April to July, tested on August.',
  goals: [
    {
      section: 'Leaving now',
      row: 'boosted trees',
      column: 'ROC AUC',
      goal: 0.65,
      from: 'direct implementation',
    },
  ],
  async run(context) {
    const clicks = await readClicks(context.folder)
    const { frame, labels, training, test } = exampleRows(clicks)
    context.say(`${training.length} clicks to train, ${test.length} to test`)
    return [await judge({ frame, labels, training, test }, context), nextModel(clicks)]
  },
}

interface LeavingRows {
  readonly frame: Frame
  readonly labels: Uint8Array
  readonly training: readonly number[]
  readonly test: readonly number[]
}

async function judge(rows: LeavingRows, context: ProtocolContext): Promise<Section> {
  const { frame, labels, training, test } = rows
  const given = {
    task: 'binary' as const,
    training: takeRows(frame, training),
    labels: Float32Array.from(training, (row) => labels[row]),
    test: takeRows(frame, test),
  }
  const actual = Uint8Array.from(test, (row) => labels[row])
  const table: ResultRow[] = [
    {
      label: 'direct implementation',
      origin: 'baseline',
      values: [0.65, ...BINARY_COLUMNS.slice(1).map(() => null)],
    },
  ]
  const add = (label: string, origin: ResultRow['origin'], scores: Float32Array): ResultRow => {
    const values = binaryValues(binaryMetrics(scores, actual, THRESHOLD))
    context.say(`  ${label}: ROC AUC ${values[0].toFixed(4)}`)
    return { label, origin, values }
  }
  table.push(add('plain logistic regression', 'baseline', logisticBaseline(given)))
  for (const candidate of available(CANDIDATES)) {
    const { scores, seconds } = await scoreWith(candidate, given, context.seed)
    table.push({ ...add(candidate.label, 'limn', scores), seconds })
  }
  return { title: 'Leaving now', columns: BINARY_COLUMNS, rows: table, notes: [] }
}

const NAMES = [
  'order',
  'price',
  'dearer than its category',
  'page',
  'mean price so far',
  'price change',
  'models seen',
  'times this model was seen',
  'categories seen',
  'clicks in this category in a row',
  'pages turned',
  'share of clicks on the first page',
]

function exampleRows(clicks: readonly Click[]): LeavingRows {
  const rows: number[][] = []
  let session: Click[] = []
  for (const click of clicks) {
    if (session[0]?.session !== click.session) session = []
    session.push(click)
    rows.push(inputsOf(session))
  }
  const numbers = frameOfRows(NAMES, rows)
  const categories = CATEGORIES.map((name, i) => {
    return { name, categories: clicks.map((click) => click.categories[i]) }
  })
  const order = [...clicks.keys()]
  return {
    frame: { count: clicks.length, columns: [...numbers.columns, ...categories] },
    labels: Uint8Array.from(clicks, (click, i) => {
      return Number(clicks[i + 1]?.session !== click.session)
    }),
    training: order.filter((i) => clicks[i].month < TEST_MONTH),
    test: order.filter((i) => clicks[i].month === TEST_MONTH),
  }
}

/** Of the session's last click so far, in the order of NAMES. */
function inputsOf(session: readonly Click[]): number[] {
  const now = session[session.length - 1]
  const before = session[session.length - 2] ?? now
  const category = (click: Click): string => click.categories[0]
  const streak = session.findLastIndex((click) => category(click) !== category(now))
  const pages = session.filter((click, i) => i > 0 && click.page !== session[i - 1].page)
  return [
    now.order,
    now.price,
    now.above,
    now.page,
    session.reduce((sum, { price }) => sum + price, 0) / session.length,
    now.price - before.price,
    new Set(session.map(({ model }) => model)).size,
    session.filter(({ model }) => model === now.model).length,
    new Set(session.map(category)).size,
    session.length - 1 - streak,
    pages.length,
    session.filter(({ page }) => page === 1).length / session.length,
  ]
}
