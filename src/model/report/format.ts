/** How numbers are shown to a person. */

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const MISSING = '–'

/** With thousands parted: 12,345. */
export function whole(value: number): string {
  return WHOLE.format(value)
}

/** A share as a percentage: 12.3 %. */
export function percent(value: number | null, digits = 1): string {
  return value === null ? MISSING : `${(value * 100).toFixed(digits)} %`
}

/** Four significant digits at most, without an exponent where that can be read. */
export function short(value: number | null): string {
  if (value === null) return MISSING
  const size = Math.abs(value)
  if (size >= 1e15 || (value !== 0 && size < 1e-4)) return value.toExponential(2)
  if (size >= 10_000 || (size >= 1_000 && Number.isInteger(value))) return whole(value)
  return String(Number(value.toPrecision(4)))
}

/** A metric, with as many places as make columns line up: 0.123, 12.34, 123.4, 1,234. */
export function metric(value: number | null): string {
  if (value === null) return MISSING
  const size = Math.abs(value)
  if (size >= 1_000) return short(Math.round(value))
  const shown = value.toFixed(size < 10 ? 3 : size < 100 ? 2 : 1)
  return Number(shown) === 0 ? shown.replace('-', '') : shown
}

/** 2024-05-06 07:08 UTC */
export function time(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return iso
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
