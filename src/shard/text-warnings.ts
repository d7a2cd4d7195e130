import type { TextUse } from '../profile/text-use.ts'

/** Between two warnings of a field. */
const WARNING_INTERVAL_MS = 600_000

/** Says which fields have refused texts since they were last warned of. */
export class TextWarnings {
  private readonly warned = new Map<string, { readonly at: number; readonly refused: number }>()

  /** A warning of all fields that are due for one, or null. */
  next(uses: readonly TextUse[], nowMs: number): string | null {
    const full = uses.filter(({ field, refused }) => {
      const last = this.warned.get(field) ?? { at: Number.NEGATIVE_INFINITY, refused: 0 }
      return refused > last.refused && nowMs - last.at >= WARNING_INTERVAL_MS
    })
    if (full.length === 0) return null
    for (const { field, refused } of full) this.warned.set(field, { at: nowMs, refused })
    const fields = full.map(
      ({ field, texts, textsMax, refused }) =>
        `${field} (${texts} of ${textsMax} texts held; ${refused} times refused since the start)`,
    )
    return `no room for new texts, which read as "(other)": ${fields.join(', ')}`
  }
}
