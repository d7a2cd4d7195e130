import type { BinaryCurves } from '../evaluation/curves.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { area, at, chart, dot, line, stepPoints, type Places } from './chart.ts'
import { metric, percent, whole } from './format.ts'
import { html, type Content, type Markup } from './markup.ts'
import { roundScale, unitScale } from './scale.ts'

const AREA = { kind: 'under', bottom: 0 }
const CHANCE = [
  [0, 0],
  [1, 1],
] as const
/** Shares of rows, by highest score, for which the lift is told. */
const LIFT_SHARES = [0.01, 0.05, 0.1, 0.2, 0.5]

type Triples = readonly (readonly [number, number, number])[]

export function binaryCharts(evaluation: Evaluation): Content {
  const { curves } = evaluation
  if (curves === null) return null
  return [
    html`<div class="pair">
      ${rocCard(evaluation, curves)}${precisionRecallCard(evaluation, curves)}
    </div>`,
    html`<div class="pair">${calibrationCard(curves)}${gainCard(curves)}</div>`,
  ]
}

function rocCard({ metrics, threshold }: Evaluation, { roc }: BinaryCurves): Markup {
  const frame = {
    label: `ROC curve; the area is ${metric(metrics.rocAuc.value)}`,
    across: { title: 'False positive rate', scale: unitScale() },
    up: { title: 'True positive rate', scale: unitScale() },
  }
  const drawn = chart(frame, (places) => [
    line(CHANCE, places, 'chance'),
    area(roc, places, AREA),
    line(roc, places, 'curve'),
    operatingPoint(roc, places, threshold),
  ])
  return html`<figure class="card">
    <h2>ROC curve</h2>
    <p class="quiet">
      Area ${metric(metrics.rocAuc.value)}. The ring is the threshold in use; the dashes are chance.
    </p>
    ${drawn}
  </figure>`
}

function precisionRecallCard(evaluation: Evaluation, { precisionRecall }: BinaryCurves): Markup {
  const { metrics, threshold, classRows } = evaluation
  const rate = classRows[1] / (classRows[0] + classRows[1])
  const frame = {
    label: `Precision-recall curve; average precision is ${metric(metrics.prAuc.value)}`,
    across: { title: 'Recall', scale: unitScale() },
    up: { title: 'Precision', scale: unitScale() },
  }
  const level = [
    [0, rate],
    [1, rate],
  ] as const
  const [first] = precisionRecall
  const whole: Triples = [[0, first[1], first[2]], ...precisionRecall]
  const drawn = chart(frame, (places) => [
    line(level, places, 'chance'),
    area(whole, places, AREA),
    line(whole, places, 'curve'),
    operatingPoint(precisionRecall, places, threshold),
  ])
  return html`<figure class="card">
    <h2>Precision and recall</h2>
    <p class="quiet">
      Average precision ${metric(metrics.prAuc.value)}; chance is ${percent(rate)}, the share of
      positives.
    </p>
    ${drawn}
  </figure>`
}

/** The point nearest to the threshold in use. */
function operatingPoint(points: Triples, places: Places, threshold: number | null): Content {
  if (threshold === null || points.length === 0) return null
  const off = ([, , score]: readonly [number, number, number]): number =>
    Math.abs(score - threshold)
  const nearest = points.reduce((best, point) => (off(point) < off(best) ? point : best))
  const [x, y] = nearest
  const title = `threshold ${metric(threshold)}: ${percent(x)}, ${percent(y)}`
  return dot([x, y], places, { kind: 'mark', radius: 5, title })
}

function calibrationCard({ calibration }: BinaryCurves): Markup {
  const highest = Math.max(...calibration.map(({ meanScore, rate }) => Math.max(meanScore, rate)))
  const scale = highest > 0.5 ? unitScale() : roundScale(0, highest)
  const frame = {
    label: 'Calibration: share of positives by predicted probability',
    across: { title: 'Predicted probability', scale },
    up: { title: 'Share of positives', scale },
  }
  const perfect = [
    [0, 0],
    [scale.to, scale.to],
  ] as const
  const drawn = chart(frame, (places) => [
    line(perfect, places, 'chance'),
    calibration.map(({ meanScore, low, high }) => {
      return whisker([meanScore, low, Math.min(high, scale.to)], places)
    }),
    line(
      calibration.map(({ meanScore, rate }) => [meanScore, rate] as const),
      places,
      'curve',
    ),
    calibration.map(({ meanScore, rate, rows }) => {
      const title = `${whole(rows)} rows: said ${percent(meanScore)}, were ${percent(rate)}`
      return dot([meanScore, rate], places, { kind: 'point', radius: 3.2, title })
    }),
  ])
  return html`<figure class="card">
    <h2>Calibration</h2>
    <p class="quiet">
      Of rows given a probability, the share that was positive. On the dashes, it means what it
      says. Each dot is an equal part of the rows, with its 95 % interval.
    </p>
    ${drawn}
  </figure>`
}

export function whisker(
  [value, low, high]: readonly [number, number, number],
  { x, y }: Places,
): Markup {
  const across = at(x(value))
  return html`<line
    class="whisker"
    x1="${across}"
    x2="${across}"
    y1="${at(y(low))}"
    y2="${at(y(high))}"
  />`
}

function gainCard({ gain }: BinaryCurves): Markup {
  const frame = {
    label: 'Cumulative gain: share of positives found by share of rows taken',
    across: { title: 'Rows taken, highest score first', scale: unitScale(), show: percentTick },
    up: { title: 'Positives among them', scale: unitScale(), show: percentTick },
  }
  const drawn = chart(frame, (places) => [
    line(CHANCE, places, 'chance'),
    area(gain, places, AREA),
    line(gain, places, 'curve'),
  ])
  return html`<figure class="card">
    <h2>Gain and lift</h2>
    <p class="quiet">
      What share of all positives is found when only the highest-scored rows are taken.
    </p>
    ${drawn}${liftTable(gain)}
  </figure>`
}

function liftTable(gain: Triples): Markup {
  const found = LIFT_SHARES.map((share) => ({ share, gain: gainAt(gain, share) }))
  return html`<table>
    <thead>
      <tr>
        <th>Top</th>
        ${found.map(({ share }) => html`<th>${percentTick(share)}</th>`)}
      </tr>
    </thead>
    <tbody>
      <tr>
        <td>finds</td>
        ${found.map((one) => html`<td>${percent(one.gain, 0)}</td>`)}
      </tr>
      <tr>
        <td>lift</td>
        ${found.map((one) => html`<td>${(one.gain / one.share).toFixed(1)}×</td>`)}
      </tr>
    </tbody>
  </table>`
}

/** Between the points of the curve, straight. */
function gainAt(gain: Triples, share: number): number {
  const next = gain.findIndex(([taken]) => taken >= share)
  if (next <= 0) return next < 0 ? 1 : gain[0][1]
  const [before, after] = [gain[next - 1], gain[next]]
  const part = after[0] > before[0] ? (share - before[0]) / (after[0] - before[0]) : 1
  return before[1] + part * (after[1] - before[1])
}

export function histogramCard({ curves, threshold, classNames }: Evaluation): Content {
  if (curves === null) return null
  const { negatives, positives, from, to } = curves.histogram
  const top = Math.max(...negatives, ...positives)
  const frame = {
    label: 'Distribution of scores by class',
    across: { title: 'Score', scale: unitScale() },
    up: { title: 'Share of the class', scale: roundScale(0, top), show: percentTick },
  }
  const drawn = chart(frame, (places) => {
    const [no, yes] = [negatives, positives].map((shares) => stepPoints(shares, from, to))
    return [
      area(no, places, { kind: 'under-other', bottom: 0 }),
      line(no, places, 'other'),
      area(yes, places, AREA),
      line(yes, places, 'curve'),
      threshold === null ? null : cut(threshold, places, frame.up.scale.to),
    ]
  })
  return html`<figure class="card">
    <h2>Scores by class</h2>
    <p class="quiet">The further apart, the better. The dotted line is the threshold in use.</p>
    ${drawn}
    <div class="key">
      <span class="tone-a">${classNames[1]}</span><span class="tone-b">${classNames[0]}</span>
    </div>
  </figure>`
}

function cut(value: number, { x, y }: Places, top: number): Markup {
  const across = at(x(Math.min(1, value)))
  return html`<line class="cut" x1="${across}" x2="${across}" y1="${at(y(0))}" y2="${at(y(top))}"
    ><title>threshold ${metric(value)}</title></line
  >`
}

export function percentTick(value: number): string {
  return `${Number((value * 100).toPrecision(3))} %`
}
