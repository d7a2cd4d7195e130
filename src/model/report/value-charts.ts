import type { Evaluation } from '../evaluation/evaluate.ts'
import type { ValueCurves } from '../evaluation/value-curves.ts'
import { whisker, percentTick } from './binary-charts.ts'
import { area, at, chart, dot, line, stepPoints } from './chart.ts'
import { short, whole } from './format.ts'
import { html, type Content, type Markup } from './markup.ts'
import { roundScale, type Scale } from './scale.ts'

/** Share of the points at each end that may lie outside of the chart, so that one does not squeeze all. */
const OUTSIDE = 0.005

export function valueCharts({ values }: Evaluation): Content {
  if (values === null) return null
  return html`<div class="pair">${scatterCard(values)}${residualsCard(values)}</div>`
}

function scatterCard({ points, bins }: ValueCurves): Markup {
  const scale = scaleFor([
    ...points.flat(),
    ...bins.flatMap(({ meanPrediction, low, high }) => [meanPrediction, low, high]),
  ])
  const inside = (value: number): boolean => value >= scale.from && value <= scale.to
  const frame = {
    label: 'Predicted and actual values',
    across: { title: 'Predicted', scale },
    up: { title: 'Actual', scale },
  }
  const perfect = [
    [scale.from, scale.from],
    [scale.to, scale.to],
  ] as const
  const drawn = chart(frame, (places) => [
    points
      .filter(([predicted, actual]) => inside(predicted) && inside(actual))
      .map((point) => dot(point, places, { kind: 'cloud', radius: 2.4 })),
    line(perfect, places, 'chance'),
    bins.map(({ meanPrediction, low, high }) => whisker([meanPrediction, low, high], places)),
    bins.map(({ meanPrediction, meanActual, rows }) => {
      const title = `${whole(rows)} rows: predicted ${short(meanPrediction)}, were ${short(meanActual)}`
      return dot([meanPrediction, meanActual], places, { kind: 'mark', radius: 3.6, title })
    }),
  ])
  return html`<figure class="card">
    <h2>Predicted and actual</h2>
    <p class="quiet">
      Faint dots are ${whole(points.length)} rows. Rings are means of equal parts of all rows, with
      the range that holds eight of ten.
    </p>
    ${drawn}
  </figure>`
}

function scaleFor(values: readonly number[]): Scale {
  const sorted = [...values].sort((a, b) => a - b)
  const outside = Math.floor(sorted.length * OUTSIDE)
  const low = sorted[outside]
  const high = sorted[sorted.length - 1 - outside]
  return roundScale(low > 0 && low < high / 4 ? 0 : low, high)
}

function residualsCard({ residuals }: ValueCurves): Markup {
  const { from, to, shares } = residuals
  const frame = {
    label: 'Distribution of the residuals',
    across: { title: 'Predicted − actual', scale: roundScale(from, to) },
    up: { title: 'Share of rows', scale: roundScale(0, Math.max(...shares)), show: percentTick },
  }
  const steps = stepPoints(shares, from, to)
  const drawn = chart(frame, (places) => {
    const middle = at(places.x(0))
    const zero =
      from < 0 && to > 0
        ? html`<line
            class="cut"
            x1="${middle}"
            x2="${middle}"
            y1="${at(places.y(0))}"
            y2="${at(places.y(frame.up.scale.to))}"
          />`
        : null
    return [area(steps, places, { kind: 'under', bottom: 0 }), line(steps, places, 'curve'), zero]
  })
  return html`<figure class="card">
    <h2>Residuals</h2>
    <p class="quiet">
      Right of the dotted line it said too much. The outer bars also hold what lies beyond.
    </p>
    ${drawn}
  </figure>`
}
