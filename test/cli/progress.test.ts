import { expect, test } from 'vitest'
import { progressText, type ProgressState } from '../../src/cli/progress.ts'

const state: ProgressState = {
  label: 'search',
  unit: 'fits',
  done: 3,
  total: 12,
  seconds: 60,
  secondsLeft: null,
  detail: '',
}

test.each<[Partial<ProgressState>, string]>([
  [{ seconds: 0.1 }, 'search: 3 fits'],
  [{ seconds: 0.1, detail: 'tree' }, 'search: 3 fits, tree'],
  [{}, 'search: 3 fits, 25 %, 3 min left'],
  [{ secondsLeft: 40.2 }, 'search: 3 fits, 25 %, 41 s left'],
  [{ secondsLeft: 9_000 }, 'search: 3 fits, 25 %, 3 h left'],
  [{ done: 0 }, 'search: 0 fits, 0 %'],
  [{ done: 0, secondsLeft: 5 }, 'search: 0 fits, 0 %, 5 s left'],
  [{ done: 12, secondsLeft: 0, detail: 'tree' }, 'search: 12 fits, 100 %, 0 s left, tree'],
  [{ unit: 'rows', done: 120_000, total: 0 }, 'search: 120,000 rows, 2,000/s'],
  [
    { unit: 'rows', done: 120_000, total: 360_000 },
    'search: 120,000 rows, 33 %, 2 min left, 2,000/s',
  ],
])('%o reads "%s"', (given, text) => {
  expect(progressText({ ...state, ...given })).toBe(text)
})
