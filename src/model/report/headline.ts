import type { Metric } from '../evaluation/bootstrap.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import type { MetricName } from '../evaluation/outcome.ts'
import type { EvaluationReport } from './evaluation-report.ts'
import { metric, percent, time, whole } from './format.ts'
import { html, type Content, type Markup } from './markup.ts'
import { METRIC_TITLES, METRICS_SHOWN } from './metric-names.ts'

export function headline(report: EvaluationReport): Markup {
  const { model, version, learner, target, made, evaluation } = report
  const title = version === null ? model : `${model}, version ${version}`
  return html`<header>
    <h1>${title}</h1>
    <p>
      ${target} · ${learner} · evaluated on ${whole(evaluation.rows)} rows it did not see ·
      ${time(made)}
    </p>
    <p class="verdict">${verdict(evaluation)}</p>
  </header>`
}

export function warningsCard({ warnings }: EvaluationReport): Content {
  if (warnings.length === 0) return null
  return html`<section class="card warning">
    <h2>Before you rely on it</h2>
    <ul>
      ${warnings.map((warning) => html`<li>${warning}</li>`)}
    </ul>
  </section>`
}

export function metricsCard(evaluation: Evaluation): Markup {
  const { task, metrics, mainMetric, confidence, threshold } = evaluation
  const names = [...new Set([mainMetric, ...METRICS_SHOWN[task]])]
  const at = threshold === null ? '' : ` Decisions are at the threshold ${metric(threshold)}.`
  return html`<section class="card">
    <h2>How good it is</h2>
    <p class="quiet">
      Ranges are ${percent(confidence, 0)} intervals from bootstrap resamples.${at}
    </p>
    <dl class="metrics">
      ${names.map((name) => metricItem(name, metrics[name], name === mainMetric))}
    </dl>
  </section>`
}

export function intervalText({ low, high }: Metric): string {
  if (low === null || high === null) return ''
  return low < 0 ? `${metric(low)} to ${metric(high)}` : `${metric(low)} – ${metric(high)}`
}

function metricItem(name: MetricName, found: Metric | undefined, main: boolean): Content {
  if (found === undefined) return null
  const { title, meaning } = METRIC_TITLES[name]
  return html`<div class="${main ? 'main' : ''}" title="${meaning}">
    <dt>${title}</dt>
    <dd>${metric(found.value)}<small>${intervalText(found)}</small></dd>
  </div>`
}

function verdict(evaluation: Evaluation): string {
  return [whatItMeans(evaluation), comparison(evaluation)].filter((text) => text !== '').join(' ')
}

/** The main metric as a sentence. */
function whatItMeans({ task, metrics, mainMetric, classNames }: Evaluation): string {
  const { value } = metrics[mainMetric]
  if (value === null) return 'The rows do not allow a judgement: they hold one class only.'
  if (task === 'binary') {
    const times = (value * 100).toFixed(0)
    return `Given one row that is “${classNames[1]}” and one that is not, the model ranks the first higher in ${times} of 100 cases (50 is chance).`
  }
  if (task === 'multiclass') return `It names the right class for ${percent(value)} of the rows.`
  const { value: explained } = metrics.r2
  const share = explained === null ? '' : ` and explains ${percent(explained)} of the variance`
  return `It is off by ${metric(metrics.mae.value)} on average${share}.`
}

function comparison({ baselines, metrics, mainMetric }: Evaluation): string {
  const others = baselines.filter(({ metrics: found }) => found[mainMetric].value !== null)
  const rule = others.at(-1)
  if (rule === undefined) return ''
  const title = inSentence(METRIC_TITLES[mainMetric].title)
  const [mine, its] = [metric(metrics[mainMetric].value), metric(rule.metrics[mainMetric].value)]
  return `Its ${title} is ${mine}; that of the ${rule.name} is ${its}.`
}

/** Names begin small inside a sentence, but for those of people and those that are letters. */
export function inSentence(title: string): string {
  const isName = /^(Brier|Poisson|[A-Z][A-Z0-9²])|^R²/.test(title)
  return isName ? title : title.toLowerCase()
}
