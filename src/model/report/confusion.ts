import type { Evaluation } from '../evaluation/evaluate.ts'
import { metric, percent, whole } from './format.ts'
import { html, type Content, type Markup } from './markup.ts'

/** With more classes the cells hold the count alone. */
const SHARES_CLASSES_MAX = 6
const CLASSES_MAX = 20

export function confusionCard({ confusion, threshold, classes }: Evaluation): Content {
  if (confusion === null || confusion.classes.length > CLASSES_MAX) return null
  const { classes: names, cells } = confusion
  const at = threshold === null ? '' : ` at the threshold ${metric(threshold)}`
  const table = html`<div class="scroll">
    <table class="confusion">
      <thead>
        <tr>
          <th></th>
          ${names.map((name) => html`<th>said ${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${cells.map((row, k) => confusionRow(names[k], row, k))}
      </tbody>
    </table>
  </div>`
  return html`<section class="card">
    <h2>Right and wrong${at}</h2>
    <p class="quiet">
      Rows by what they are (down) and what the model said (across); shares are of what they are.
    </p>
    ${table}${classes.length > 0 ? null : costsNote()}
  </section>`
}

function confusionRow(name: string, row: readonly number[], own: number): Markup {
  const total = row.reduce((a, b) => a + b, 0)
  return html`<tr>
    <th>is ${name}</th>
    ${row.map((count, k) => {
      const share = total === 0 ? 0 : count / total
      const tone = k === own ? 'tone-a' : 'tone-b'
      const shares =
        row.length > SHARES_CLASSES_MAX ? null : html`<span class="quiet">${percent(share)}</span>`
      return html`<td class="${tone}" style="--part:${Math.round(6 + share * 34)}%">
        <b>${whole(count)}</b>${shares}
      </td>`
    })}
  </tr>`
}

function costsNote(): Markup {
  return html`<p class="quiet" style="margin-top:10px">
    Another threshold trades one kind of error for the other; choose it by what each costs.
  </p>`
}
