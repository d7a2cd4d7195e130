import type { Metric, Metrics } from '../evaluation/bootstrap.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import type { EvaluatedTask, MetricName } from '../evaluation/outcome.ts'
import type { Slice } from '../evaluation/slices.ts'
import type { EvaluationReport } from './evaluation-report.ts'
import { metric, percent, short, whole } from './format.ts'
import { inSentence, intervalText } from './headline.ts'
import { html, type Content, type Markup } from './markup.ts'
import { METRIC_TITLES, METRICS_SHOWN } from './metric-names.ts'

const BASELINE_METRICS = 4

export function baselinesCard(report: EvaluationReport): Content {
  const { evaluation, learner } = report
  const { task, mainMetric, metrics, baselines, live } = evaluation
  const others = live === null ? baselines : [...baselines, live]
  if (others.length === 0) return null
  const names = [...new Set([mainMetric, ...METRICS_SHOWN[task]])].slice(0, BASELINE_METRICS + 1)
  const cells = (found: Metrics<MetricName>): Content =>
    names.map(
      (name) =>
        html`<td>
          ${metric(found[name].value)}${name === mainMetric ? html`<small>${intervalText(found[name])}</small>` : null}
        </td>`,
    )
  return html`<section class="card">
    <h2>Against other answers</h2>
    <p class="quiet">
      A model is worth its cost only where it is clearly better than these, on the same rows.
    </p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th></th>
            ${names.map((name) => html`<th>${METRIC_TITLES[name].title}</th>`)}
          </tr>
        </thead>
        <tbody>
          <tr class="model">
            <th>this model<span class="note">${learner}</span></th>
            ${cells(metrics)}
          </tr>
          ${others.map(
            ({ name, description, metrics: found }) =>
              html`<tr>
                <th>${name}<span class="note">${description}</span></th>
                ${cells(found)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`
}

export function classesCard({ classes }: Evaluation): Content {
  if (classes.length === 0) return null
  return html`<section class="card">
    <h2>By class</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Class</th>
            <th>Rows</th>
            <th>Precision</th>
            <th>Recall</th>
            <th>F1</th>
            <th>ROC AUC</th>
          </tr>
        </thead>
        <tbody>
          ${classes.map(
            ({ name, rows, precision, recall, f1, rocAuc }) =>
              html`<tr>
                <th>${name}</th>
                <td>${whole(rows)}</td>
                ${[precision, recall, f1, rocAuc].map((value) => html`<td>${metric(value)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`
}

export function slicesCard(evaluation: Evaluation): Content {
  const { slices, mainMetric, metrics } = evaluation
  if (slices.length === 0) return null
  const bounds = boundsOf(slices, mainMetric)
  const columns = [...new Set(slices.map(({ column }) => column))]
  const { title } = METRIC_TITLES[mainMetric]
  const means = MEANS[evaluation.task].map((mean) => html`<th>${mean}</th>`)
  const width = 4 + means.length
  return html`<section class="card long">
    <h2>In parts</h2>
    <p class="quiet">
      Whether it is as good for every kind of row. Over all rows the ${inSentence(title)} is
      ${metric(metrics[mainMetric].value)}. A wide range means few rows, not a bad model.
    </p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th></th>
            <th>Rows</th>
            ${means}
            <th>${title}</th>
            <th>95 % interval</th>
          </tr>
        </thead>
        <tbody>
          ${columns.map((column) => [
            html`<tr class="group">
              <th colspan="${width}">${column}</th>
            </tr>`,
            slices
              .filter((slice) => slice.column === column)
              .map((slice) => sliceRow(slice, evaluation, bounds)),
          ])}
        </tbody>
      </table>
    </div>
  </section>`
}

/** What the labels' and the predictions' means are called; none for several classes. */
const MEANS: Readonly<Record<EvaluatedTask, readonly string[]>> = {
  binary: ['Positive', 'Mean score'],
  multiclass: [],
  regression: ['Mean actual', 'Mean predicted'],
  count: ['Mean actual', 'Mean predicted'],
}

function sliceRow(slice: Slice, evaluation: Evaluation, bounds: readonly [number, number]): Markup {
  const { task, mainMetric, rows } = evaluation
  const found = slice.metrics[mainMetric]
  const show = task === 'binary' ? percent : short
  const means = MEANS[task].map((_, i) => (i === 0 ? slice.meanLabel : slice.meanPrediction))
  return html`<tr>
    <td>${slice.value}</td>
    <td>${whole(slice.rows)}<small>${percent(slice.rows / rows, 0)}</small></td>
    ${means.map((mean) => html`<td>${show(mean)}</td>`)}
    <td>${metric(found.value)}</td>
    <td>${intervalText(found)}${rangeBar(found, bounds)}</td>
  </tr>`
}

function boundsOf(slices: readonly Slice[], name: MetricName): [number, number] {
  const ends = slices.flatMap(({ metrics }) => {
    const { low, high } = metrics[name]
    return low === null || high === null ? [] : [low, high]
  })
  return [Math.min(...ends), Math.max(...ends)]
}

/** The interval as a bar, all on the same scale. */
function rangeBar({ value, low, high }: Metric, [from, to]: readonly [number, number]): Content {
  if (value === null || low === null || high === null || !(to > from)) return null
  const place = (x: number): string => (((x - from) / (to - from)) * 100).toFixed(1)
  const width = (((high - low) / (to - from)) * 100).toFixed(1)
  return html`<span class="range"
    ><i style="left:${place(low)}%;width:${width}%"></i
    ><b style="left:${place(Math.max(from, Math.min(to, value)))}%"></b
  ></span>`
}

/** Characters from which a fact stands under its name. */
const LONG = 60

export function factsCard({ facts, parameters }: EvaluationReport): Content {
  const all = [...facts, { title: 'Parameters', entries: Object.entries(parameters) }]
  const shown = all.filter(({ entries }) => entries.length > 0)
  if (shown.length === 0) return null
  return html`<section class="card">
    <h2>How it was made</h2>
    <div class="facts">
      ${shown.map(
        ({ title, entries }) =>
          html`<div>
            <h3>${title}</h3>
            <dl>
              ${entries.map(
                ([name, value]) =>
                  html`<div class="${String(value).length > LONG ? 'below' : ''}">
                    <dt>${name}</dt>
                    <dd>${typeof value === 'number' ? short(value) : value}</dd>
                  </div>`,
              )}
            </dl>
          </div>`,
      )}
    </div>
  </section>`
}

const INPUTS_SHOWN = 20

/** What each input says of the label by itself. */
export function inputsCard({ inputs }: EvaluationReport): Content {
  if (inputs.length === 0) return null
  const rest = inputs.length - INPUTS_SHOWN
  const more = rest > 0 ? ` ${rest} more say less.` : ''
  return html`<section class="card">
    <h2>What each input tells by itself</h2>
    <p class="quiet">
      On the rows fitted on: mutual information with the label, and the F statistic (of an analysis
      of variance, or of a regression). Inputs that say the same both stand high.${more}
    </p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Input</th>
            <th>Information, nats</th>
            <th>F</th>
          </tr>
        </thead>
        <tbody>
          ${inputs.slice(0, INPUTS_SHOWN).map(
            ({ name, f, information }) =>
              html`<tr>
                <th>${name}</th>
                <td>${short(information)}</td>
                <td>${short(f)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`
}
