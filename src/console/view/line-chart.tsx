interface Series {
  readonly name: string
  readonly tone: 'a' | 'b'
  readonly points: readonly { readonly time: number; readonly value: number | null }[]
}
interface Props {
  readonly label: string
  readonly series: readonly Series[]
  readonly seconds: number
  readonly format: (value: number) => string
  readonly ceiling?: number
}

const WIDTH = 600
const HEIGHT = 150

/** The next of 1, 2, 5 × 10ⁿ, so that the scale does not jump with each sample. */
function roundUp(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power
}

/** Lines over the last `seconds`, newest at the right edge; gaps where nothing was measured. */
export function LineChart({ label, series, seconds, format, ceiling }: Props) {
  const times = series.flatMap((s) => s.points.map((p) => p.time))
  const values = series.flatMap((s) => s.points.map((p) => p.value ?? 0))
  const end = times.reduce((a, b) => Math.max(a, b), 0)
  const top = ceiling ?? roundUp(values.reduce((a, b) => Math.max(a, b), 0) * 1.05)
  const x = (time: number): string => (WIDTH - ((end - time) / (seconds * 1000)) * WIDTH).toFixed(1)
  const y = (value: number): string =>
    (HEIGHT - 2 - (Math.min(value, top) / top) * (HEIGHT - 6)).toFixed(1)
  return (
    <div class="chart" role="img" aria-label={label}>
      <div class="scale" aria-hidden="true">
        <span>{format(top)}</span>
        <span>{format(top / 2)}</span>
        <span>0</span>
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {[0.03, 0.5, 0.985].map((part) => (
          <line key={part} class="rule" x1="0" x2={WIDTH} y1={HEIGHT * part} y2={HEIGHT * part} />
        ))}
        {series.map(({ name, tone, points }, index) => {
          const known = points.flatMap((p) =>
            p.value === null ? [] : [{ time: p.time, value: p.value }],
          )
          const line = known.map((p) => `${x(p.time)},${y(p.value)}`).join(' L')
          const first = known[0]
          const last = known.at(-1)
          if (first === undefined || last === undefined) return null
          return (
            <g key={name} class={`tone-${tone}`}>
              {index === 0 && (
                <path
                  class="area"
                  d={`M${x(first.time)},${HEIGHT} L${line} L${x(last.time)},${HEIGHT} Z`}
                />
              )}
              <path class="line" d={`M${line} h0.01`} />
            </g>
          )
        })}
      </svg>
    </div>
  )
}
