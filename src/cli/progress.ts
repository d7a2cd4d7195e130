/**
 * Progress of long work: one line that is rewritten on a terminal, a plain line every ten seconds
 * elsewhere. Goes to standard error.
 */
export class Progress {
  private readonly label: string
  private readonly unit: string
  private readonly started = performance.now()
  private shownAt = Number.NEGATIVE_INFINITY
  private secondsLeft: number | null = null
  private readonly terminal = process.stderr.isTTY === true

  constructor(label: string, unit: string) {
    this.label = label
    this.unit = unit
  }

  /** What the work itself says of the time left; null or never told: as fast as so far. */
  estimate(secondsLeft: number | null): void {
    this.secondsLeft = secondsLeft
  }

  /** `total` 0 when it is not known. */
  update(done: number, total: number, detail = ''): void {
    const now = performance.now()
    if (now - this.shownAt < (this.terminal ? 200 : 10_000)) return
    this.shownAt = now
    this.write(this.text(done, total, detail))
  }

  /** The last word on it. */
  finish(done: number, detail = ''): void {
    const line = this.text(done, 0, detail)
    process.stderr.write(this.terminal ? `\r\x1b[2K${line}\n` : `${line}\n`)
  }

  private text(done: number, total: number, detail: string): string {
    const { label, unit, secondsLeft } = this
    const seconds = (performance.now() - this.started) / 1000
    return progressText({ label, unit, done, total, seconds, secondsLeft, detail })
  }

  private write(line: string): void {
    process.stderr.write(this.terminal ? `\r\x1b[2K${line}` : `${line}\n`)
  }
}

export interface ProgressState {
  readonly label: string
  readonly unit: string
  readonly done: number
  /** 0: not known. */
  readonly total: number
  /** Since the beginning. */
  readonly seconds: number
  /** Null: follows from the rate so far. */
  readonly secondsLeft: number | null
  readonly detail: string
}

/** One line: what is done, its share, the time left and the rate, as far as they say something. */
export function progressText(state: ProgressState): string {
  const { label, unit, done, total, seconds, secondsLeft, detail } = state
  const parts = [`${label}: ${format(done)} ${unit}`]
  if (seconds >= RATE_AFTER_SECONDS) {
    const rate = done / seconds
    const left = secondsLeft ?? (rate > 0 ? Math.max(0, total - done) / rate : null)
    if (total > 0) parts.push(`${Math.floor((done / total) * 100)} %`)
    if (total > 0 && left !== null) parts.push(`${duration(left)} left`)
    if (rate >= RATE_MIN) parts.push(`${format(Math.round(rate))}/s`)
  }
  if (detail !== '') parts.push(detail)
  return parts.join(', ')
}

export function format(value: number): string {
  return value.toLocaleString('en-US')
}

/** In the largest unit of which there are two or more, rounded up. */
function duration(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  if (seconds < 7_200) return `${Math.ceil(seconds / 60)} min`
  return `${Math.ceil(seconds / 3_600)} h`
}

/** Before this, a rate says nothing. */
const RATE_AFTER_SECONDS = 0.5
/** A rate below this, per second, says nothing: the time left does. */
const RATE_MIN = 1
