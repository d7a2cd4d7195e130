import { short } from './format.ts'
import { html, trusted, type Content, type Markup } from './markup.ts'
import type { Scale } from './scale.ts'

const WIDTH = 480
const HEIGHT = 300
const LEFT = 58
const RIGHT = 20
const TOP = 12
const BOTTOM = 44

export interface Axis {
  readonly title: string
  readonly scale: Scale
  readonly show?: (value: number) => string
}

export interface Frame {
  /** For those who do not see the chart. */
  readonly label: string
  readonly across: Axis
  readonly up: Axis
}

/** Where a value of each axis is drawn. */
export interface Places {
  readonly x: (value: number) => number
  readonly y: (value: number) => number
}

/** An SVG chart with axes, ticks and a grid; `draw` makes what is inside. */
export function chart(frame: Frame, draw: (places: Places) => Content): Markup {
  const { across, up } = frame
  const places = {
    x: (value: number): number => LEFT + across.scale.part(value) * (WIDTH - LEFT - RIGHT),
    y: (value: number): number => HEIGHT - BOTTOM - up.scale.part(value) * (HEIGHT - TOP - BOTTOM),
  }
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${frame.label}">
    ${grid(frame, places)}${draw(places)}${titles(frame)}
  </svg>`
}

function grid({ across, up }: Frame, { x, y }: Places): Content {
  const bottom = HEIGHT - BOTTOM
  return [
    up.scale.ticks.map((tick) => [
      html`<line
        class="grid"
        x1="${LEFT}"
        x2="${WIDTH - RIGHT}"
        y1="${at(y(tick))}"
        y2="${at(y(tick))}"
      />`,
      html`<text class="tick" text-anchor="end" x="${LEFT - 7}" y="${at(y(tick) + 4)}"
        >${shown(up, tick)}</text
      >`,
    ]),
    across.scale.ticks.map(
      (tick) =>
        html`<text class="tick" text-anchor="middle" x="${at(x(tick))}" y="${bottom + 17}"
          >${shown(across, tick)}</text
        >`,
    ),
    html`<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}" />`,
  ]
}

function titles({ across, up }: Frame): Content {
  const middle = TOP + (HEIGHT - TOP - BOTTOM) / 2
  const centre = LEFT + (WIDTH - LEFT - RIGHT) / 2
  return [
    html`<text class="title" text-anchor="middle" x="${centre}" y="${HEIGHT - 6}"
      >${across.title}</text
    >`,
    html`<text class="title" text-anchor="middle" transform="translate(11 ${middle}) rotate(-90)"
      >${up.title}</text
    >`,
  ]
}

function shown({ show = short }: Axis, value: number): string {
  return show(value)
}

/** A place with one decimal. */
export function at(value: number): string {
  return String(Math.round(value * 10) / 10)
}

/** A line through points; `kind` is its style. */
export function line(
  points: readonly (readonly [number, number, ...number[]])[],
  { x, y }: Places,
  kind: string,
): Markup {
  const path = points.map(([a, b]) => `${at(x(a))} ${at(y(b))}`).join('L')
  return html`<path class="${kind}" d="M${trusted(path)}" />`
}

/** The area between a line and the bottom of the chart. */
export function area(
  points: readonly (readonly [number, number, ...number[]])[],
  { x, y }: Places,
  options: { readonly kind: string; readonly bottom: number },
): Markup {
  if (points.length === 0) return trusted('')
  const path = points.map(([a, b]) => `${at(x(a))} ${at(y(b))}`).join('L')
  const base = at(y(options.bottom))
  const first = at(x(points[0][0]))
  const last = at(x(points[points.length - 1][0]))
  return html`<path
    class="${options.kind}"
    d="M${first} ${base}L${trusted(path)}L${last} ${base}Z"
  />`
}

/** A dot that says what it is when pointed at. */
export function dot(
  [a, b]: readonly [number, number],
  { x, y }: Places,
  options: { readonly kind: string; readonly radius: number; readonly title?: string },
): Markup {
  const title = options.title === undefined ? null : html`<title>${options.title}</title>`
  return html`<circle
    class="${options.kind}"
    cx="${at(x(a))}"
    cy="${at(y(b))}"
    r="${options.radius}"
    >${title}</circle
  >`
}

/** The outline of bars of equal width between two values. */
export function stepPoints(
  shares: readonly number[],
  from: number,
  to: number,
): (readonly [number, number])[] {
  const width = (to - from) / shares.length
  return shares.flatMap((share, i) => [
    [from + i * width, share] as const,
    [from + (i + 1) * width, share] as const,
  ])
}
