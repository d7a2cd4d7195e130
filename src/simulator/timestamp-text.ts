const MINUTE = 60_000
const SECONDS = Array.from({ length: 60 }, (_, second) => `${String(second).padStart(2, '0')}.`)
const MILLISECONDS = Array.from({ length: 1000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`)

/** ISO 8601 text in UTC of times that mostly follow one another; keeps the minute's text. */
export class TimestampText {
  private minute = Number.NaN
  private prefix = ''

  /** `time`: whole ms since 1970. */
  text(time: number): string {
    const minute = Math.floor(time / MINUTE)
    if (minute !== this.minute) {
      this.minute = minute
      this.prefix = new Date(minute * MINUTE).toISOString().slice(0, 17)
    }
    const rest = time - minute * MINUTE
    const second = Math.floor(rest / 1000)
    return this.prefix + SECONDS[second] + MILLISECONDS[rest - second * 1000]
  }
}
