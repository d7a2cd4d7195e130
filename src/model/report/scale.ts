/** From values to places on a chart. */
export interface Scale {
  readonly from: number
  readonly to: number
  readonly ticks: readonly number[]
  /** 0 at `from`, 1 at `to`. */
  part(value: number): number
}

const TICKS = 5

/** A scale over at least the given range, whose ends and ticks are round numbers. */
export function roundScale(from: number, to: number): Scale {
  const span = to > from ? to - from : Math.max(1e-9, Math.abs(from), 1e-3)
  const step = roundStep(span / TICKS)
  const first = Math.floor(from / step + 1e-9)
  const last = Math.max(first + 1, Math.ceil(to / step - 1e-9))
  return scaleOf(first, last, step)
}

/** From 0 to 1. */
export function unitScale(): Scale {
  return scaleOf(0, 5, 0.2)
}

function scaleOf(first: number, last: number, step: number): Scale {
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => {
    return Number(((first + i) * step).toPrecision(12))
  })
  const from = ticks[0]
  const to = ticks[ticks.length - 1]
  return { from, to, ticks, part: (value) => (value - from) / (to - from) }
}

/** The next of 1, 2, 5 × 10ⁿ. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step))
  const times = step / power
  return (times <= 1.0001 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10) * power
}
