import { binaryCharts, histogramCard } from './binary-charts.ts'
import { confusionCard } from './confusion.ts'
import type { EvaluationReport } from './evaluation-report.ts'
import { headline, metricsCard, warningsCard } from './headline.ts'
import { importanceCard } from './importance-chart.ts'
import { html, jsonScript, trusted, type Content, type Markup } from './markup.ts'
import { STYLE } from './style.ts'
import { baselinesCard, classesCard, factsCard, inputsCard, slicesCard } from './tables.ts'
import { valueCharts } from './value-charts.ts'

/**
 * The report as one page of HTML that needs nothing else: no script, no font, no network. All that it
 * shows comes from the report's JSON, which it also holds, under the id `evaluation`.
 */
export function renderReport(report: EvaluationReport): string {
  const { evaluation, model } = report
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${model}: evaluation</title>
        <style>
          ${trusted(STYLE)}
        </style>
      </head>
      <body>
        <main>
          ${headline(report)} ${warningsCard(report)} ${metricsCard(evaluation)}
          ${baselinesCard(report)} ${binaryCharts(evaluation)} ${valueCharts(evaluation)}
          ${pairOf(histogramCard(evaluation), confusionCard(evaluation))} ${classesCard(evaluation)}
          ${importanceCard(report)} ${slicesCard(evaluation)} ${inputsCard(report)}
          ${factsCard(report)} ${footer()}
        </main>
        ${jsonScript('evaluation', report)}
      </body>
    </html> `
  return page.html
}

/** Side by side where there are two. */
function pairOf(left: Content, right: Content): Content {
  if (left === null || right === null) return left ?? right
  return html`<div class="pair">${left}${right}</div>`
}

function footer(): Markup {
  return html`<footer>
    <p>
      Intervals: rows are drawn again with replacement, within each class, and the metric is taken
      anew; the range holds the middle of the results. They tell the chance of these rows, not of a
      changed world.
    </p>
    <p>The page holds its own data as JSON, in the element with the id “evaluation”.</p>
  </footer>`
}
