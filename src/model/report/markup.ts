/** A piece of HTML or SVG that is safe to put into a page. */
export class Markup {
  readonly html: string

  constructor(html: string) {
    this.html = html
  }
}

export type Content = Markup | string | number | null | readonly Content[]

/** Puts values into markup: text is escaped, markup stays, null is nothing, lists are joined. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  const filled = parts.map((part, i) => (i < values.length ? part + rendered(values[i]) : part))
  return new Markup(filled.join(''))
}

/** Text that is markup already, such as a style sheet. */
export function trusted(markup: string): Markup {
  return new Markup(markup)
}

/** A value for a program to read, inside the page. */
export function jsonScript(id: string, value: unknown): Markup {
  const text = JSON.stringify(value).replaceAll('<', String.raw`\u003c`)
  return html`<script type="application/json" id="${id}">
    ${trusted(text)}
  </script>`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function rendered(content: Content): string {
  if (content === null) return ''
  if (content instanceof Markup) return content.html
  if (typeof content === 'object') return content.map(rendered).join('')
  return String(content).replace(/[&<>"']/g, (character) => ESCAPES[character])
}
