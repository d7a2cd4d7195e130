import { fitBaselines, type Baseline, type BaselineOptions } from '../evaluation/baselines.ts'
import type { Examples } from '../learners/learner.ts'
import { labelsOf, takeRows, type LearningTable } from './fit-pipeline.ts'
import { HeldAnswers } from './held-answers.ts'
import type { Round } from './rounds.ts'

/**
 * Baselines whose answer for each row comes from a fit on the other rows of its round, as the model's
 * own does. They answer for the held rows of all rounds alone, in ascending order, as
 * {@link searchModels} does.
 */
export function crossBaselines(
  table: LearningTable,
  rounds: readonly Round[],
  options: BaselineOptions = {},
): Baseline[] {
  const found = new Map<string, { baseline: Baseline; answers: HeldAnswers }>()
  for (const { fit, held } of rounds) {
    const raw = takeRows(table, held)
    for (const baseline of fitBaselines(rawExamples(table, fit), options)) {
      const { answers } = found.get(baseline.name) ?? { answers: new HeldAnswers() }
      answers.add(held, baseline.predict(raw.rows, raw.count))
      found.set(baseline.name, { baseline, answers })
    }
  }
  const whole = [...found.values()].filter(({ answers }) => answers.length === rounds.length)
  return whole.map(({ baseline, answers }) => {
    const { predictions } = answers.inOrder()
    return { ...baseline, predict: () => predictions }
  })
}

/** Some rows as a learner of the `raw` form sees them, categories as their codes. */
export function rawExamples(table: LearningTable, rows: Uint32Array): Examples {
  const taken = takeRows(table, rows)
  return {
    task: table.task ?? 'regression',
    names: table.columns.map(({ name }) => name),
    width: taken.width,
    steps: 1,
    count: taken.count,
    rows: taken.rows,
    labels: labelsOf(table, rows),
    classes: table.classes,
    weights: null,
  }
}
