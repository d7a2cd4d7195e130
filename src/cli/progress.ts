/**
 * Progress of long work: one line that is rewritten on a terminal, a plain line every ten seconds
 * elsewhere. Goes to standard error.
 */
export class Progress {
  private readonly label: string
  private readonly unit: string
  private readonly started = performance.now()
  private shownAt = Number.NEGATIVE_INFINITY
  private readonly terminal = process.stderr.isTTY === true

  constructor(label: string, unit: string) {
    this.label = label
    this.unit = unit
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
    const seconds = Math.max(0.001, (performance.now() - this.started) / 1000)
    const rate = Math.round(done / seconds)
    const parts = [`${this.label}: ${format(done)} ${this.unit}`]
    if (seconds < RATE_AFTER_SECONDS) return parts[0]
    if (total > 0) {
      const left = Math.max(0, (total - done) / Math.max(1, done / seconds))
      parts.push(`${Math.floor((done / total) * 100)} %`, `${Math.ceil(left)} s left`)
    }
    parts.push(`${format(rate)}/s`)
    if (detail !== '') parts.push(detail)
    return parts.join(', ')
  }

  private write(line: string): void {
    process.stderr.write(this.terminal ? `\r\x1b[2K${line}` : `${line}\n`)
  }
}

export function format(value: number): string {
  return value.toLocaleString('en-US')
}

/** Before this, a rate says nothing. */
const RATE_AFTER_SECONDS = 0.5
