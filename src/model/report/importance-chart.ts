import type { EvaluationReport, NamedImportance } from './evaluation-report.ts'
import { html, type Content, type Markup } from './markup.ts'

const SHOWN_MAX = 20

/** Bars of the inputs that matter most. */
export function importanceCard({ importance, importanceMeasure }: EvaluationReport): Content {
  const ordered = [...importance].sort((a, b) => b.value - a.value)
  const shown = ordered.slice(0, SHOWN_MAX)
  if (shown.length === 0 || shown[0].value <= 0) return null
  const rest = ordered.length - shown.length
  const more = rest > 0 ? ` The other ${rest} inputs matter less than these.` : ''
  return html`<section class="card">
    <h2>What it looks at</h2>
    <p class="quiet">Importance: ${importanceMeasure}.${more}</p>
    <table class="bars">
      <tbody>
        ${shown.map((one) => bar(one, shown[0].value))}
      </tbody>
    </table>
  </section>`
}

function bar({ name, value, deviation }: NamedImportance, most: number): Markup {
  const width = (Math.max(0, value) / most) * 100
  const show = withPlaces(most)
  const spread = deviation === null ? '' : `± ${show(deviation)}`
  return html`<tr>
    <th>${name}</th>
    <td class="track"><i style="width:${width.toFixed(2)}%"></i></td>
    <td>${show(value)}<small>${spread}</small></td>
  </tr>`
}

/** As many places as show a thousandth of the largest. */
function withPlaces(most: number): (value: number) => string {
  const places = Math.min(12, Math.max(0, 3 - Math.floor(Math.log10(most) + 1)))
  return (value) => {
    const shown = value.toFixed(places)
    return Number(shown) === 0 ? shown.replace('-', '') : shown
  }
}
