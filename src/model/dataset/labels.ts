import type { Label, ModelPlan } from '../definition.ts'
import type { Moment } from './outcomes.ts'
import type { Replayed } from './replay.ts'

/** The class of values that are not among the most frequent ones. */
export const OTHER_CLASS = '(other)'

export interface LabelledMoments {
  /** Indices of the moments that have a label, in the order given. */
  readonly kept: readonly number[]
  /** Of each that is kept: class index or value. */
  readonly labels: Float32Array<ArrayBuffer>
  /** Texts of the classes; none for values. */
  readonly classes: readonly string[]
  /** Moments whose time to come is not over at the end of the data. */
  readonly censored: number
  /** Moments after which there was no next value. */
  readonly unlabelled: number
}

/**
 * Labels of moments, which may come from memory or from where a sink has put them. One whose time to come ends after the data is left out whatever came until
 * then: to keep those for which something came early would make outcomes look more frequent, and
 * quicker, than they are.
 */
export function labelMoments(
  moments: Iterable<Moment>,
  plan: ModelPlan,
  replayed: Pick<Replayed, 'outcomes' | 'values' | 'to'>,
): LabelledMoments {
  const { target } = plan
  const { outcomes, values, to } = replayed
  const kept: number[] = []
  const labels: number[] = []
  let censored = 0
  let unlabelled = 0
  let index = 0
  for (const moment of moments) {
    const place = index++
    if (moment.time + target.within > to) {
      censored++
      continue
    }
    const label = outcomes.label(moment, target)
    if (label !== label) {
      unlabelled++
      continue
    }
    kept.push(place)
    labels.push(label)
  }
  if (target.label === 'next') {
    const texts = labels.map((number) => values.textOf(number))
    const counts = new Map<string | null, number>()
    for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
    const { classes, indexOf } = frequentClasses(counts, target.classesMax)
    return { kept, labels: Float32Array.from(texts, indexOf), classes, censored, unlabelled }
  }
  const classes = plainClasses(target.label)
  return { kept, labels: Float32Array.from(labels), classes, censored, unlabelled }
}

/** Classes of labels that do not come from the data; none for values. */
export function plainClasses(label: Label): readonly string[] {
  return label === 'happens' || label === 'absent' ? ['no', 'yes'] : []
}

/** The most frequent texts in order of text; the others, and null, are one class behind them. */
export function frequentClasses(
  counts: ReadonlyMap<string | null, number>,
  classesMax: number,
): { readonly classes: readonly string[]; readonly indexOf: (text: string | null) => number } {
  const texts = [...counts].flatMap(([text, count]) => (text === null ? [] : [{ text, count }]))
  texts.sort((a, b) => b.count - a.count || compareTexts(a.text, b.text))
  const classes = texts
    .slice(0, classesMax)
    .map(({ text }) => text)
    .sort(compareTexts)
  const places = new Map<string | null, number>(classes.map((text, index) => [text, index]))
  const other = classes.length
  if (counts.size > other) classes.push(OTHER_CLASS)
  return { classes, indexOf: (text) => places.get(text) ?? other }
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
