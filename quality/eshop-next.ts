import { TEST_MONTH } from './eshop-clicks.ts'
import type { Click } from './eshop-clicks.ts'
import type { ResultRow, Section } from './protocol.ts'

const RANKED = 20
const SCOPE_CLICKS = 10

type Scores = Map<string, number>
/** Scores of what may come after the clicks so far. */
type Ranker = (models: readonly string[]) => Scores

/**
 * Which model is looked at next: counting methods, the baselines of a sequence learner. Markov: after
 * the last model; SR: rules of Ludewig and Jannach, Evaluation of session-based recommendation
 * algorithms, 2018, which also count what came some clicks later, less.
 */
export function nextModel(clicks: readonly Click[]): Section {
  const sessions = sessionsOf(clicks)
  const training = sessions.filter(([click]) => click.month < TEST_MONTH).map(modelsOf)
  const test = sessions.filter(([click]) => click.month === TEST_MONTH).map(modelsOf)
  const popular = popularity(training)
  const markov = rules(training, 1)
  const sequential = rules(training, SCOPE_CLICKS)
  const rows: ResultRow[] = [
    { label: 'popularity, direct implementation', origin: 'baseline', values: [0.237, null] },
    { label: 'Markov, direct implementation', origin: 'baseline', values: [0.704, null] },
    { label: 'SR, direct implementation', origin: 'baseline', values: [0.673, null] },
    { label: 'popularity', origin: 'baseline', values: judge(test, () => popular) },
    { label: 'Markov', origin: 'baseline', values: judge(test, markov) },
    { label: 'SR', origin: 'baseline', values: judge(test, sequential) },
  ]
  const columns = [`HR@${RANKED}`, `MRR@${RANKED}`]
  return { title: 'Next model', columns, rows, notes: [] }
}

function sessionsOf(clicks: readonly Click[]): Click[][] {
  const sessions = new Map<string, Click[]>()
  for (const click of clicks) {
    const session = sessions.get(click.session)
    if (session === undefined) sessions.set(click.session, [click])
    else session.push(click)
  }
  return [...sessions.values()]
}

function modelsOf(session: readonly Click[]): string[] {
  return session.map(({ model }) => model)
}

function popularity(sessions: readonly (readonly string[])[]): Scores {
  const counts: Scores = new Map()
  for (const model of sessions.flat()) counts.set(model, (counts.get(model) ?? 0) + 1)
  return counts
}

/** A pair of clicks counts one over the steps between them. */
function rules(sessions: readonly (readonly string[])[], scope: number): Ranker {
  const after = new Map<string, Scores>()
  for (const models of sessions) {
    for (let i = 1; i < models.length; i++) {
      for (let steps = 1; steps <= Math.min(scope, i); steps++) {
        const before = models[i - steps]
        const scores = after.get(before) ?? new Map<string, number>()
        after.set(before, scores)
        scores.set(models[i], (scores.get(models[i]) ?? 0) + 1 / steps)
      }
    }
  }
  return (models) => after.get(models[models.length - 1]) ?? new Map<string, number>()
}

/** Over every click with one before it in its session. */
function judge(sessions: readonly (readonly string[])[], ranker: Ranker): number[] {
  let [cases, hits, reciprocal] = [0, 0, 0]
  for (const models of sessions) {
    for (let i = 1; i < models.length; i++) {
      cases++
      const scores = ranker(models.slice(0, i))
      const own = scores.get(models[i])
      if (own === undefined) continue
      let rank = 1
      for (const score of scores.values()) if (score > own) rank++
      if (rank > RANKED) continue
      hits++
      reciprocal += 1 / rank
    }
  }
  return [hits / cases, reciprocal / cases]
}
