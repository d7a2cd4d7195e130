const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Milliseconds of a duration such as `30m`, `24h`, `1h30m`; NaN when it is not one. */
export function durationMs(text: string): number {
  if (!/^(\d+(ms|[smhdw]))+$/.test(text)) return Number.NaN
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[smhdw])/g))
    total += Number(amount) * UNIT_MS[unit]
  return total
}

/** Bucket width where a trait names none: `5m` for 1 h, `2h` for 24 h, `1d` for 7 d, `3d` for 30 d. */
export function defaultResolutionMs(windowMs: number): number {
  const day = UNIT_MS.d
  if (windowMs % day === 0 && windowMs > day) {
    const days = windowMs / day
    for (const width of [3, 2, 1]) if (days % width === 0 && days / width >= 7) return width * day
    return day
  }
  for (const buckets of [12, 10, 6]) if (windowMs % buckets === 0) return windowMs / buckets
  return windowMs
}
