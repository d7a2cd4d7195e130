import { expect, test } from 'vitest'
import { renderSummary } from '../../quality/goals.ts'
import type { Goal } from '../../quality/goals.ts'
import type { Section } from '../../quality/protocol.ts'

const SECTION: Section = {
  title: 'Sales',
  columns: ['ROC AUC', 'MAE'],
  rows: [
    { label: 'trees', origin: 'published', values: [0.99, 1] },
    { label: 'trees', origin: 'limn', values: [0.8004, 4.0004] },
    { label: 'plain', origin: 'baseline', values: [0.7996, 4.0006] },
  ],
  notes: [],
}

test('a goal is reached in the digits that are printed', () => {
  expect(reached({ column: 'ROC AUC', goal: 0.8 })).toBe('yes')
  expect(reached({ column: 'ROC AUC', goal: 'plain' })).toBe('yes')
  expect(reached({ column: 'ROC AUC', goal: 0.801 })).toBe('no')
  expect(reached({ column: 'ROC AUC', goal: 0.801, otherwise: 'other rows' })).toBe(
    'no: other rows',
  )
})

test('of errors, less is better', () => {
  expect(reached({ column: 'MAE', goal: 'plain' })).toBe('yes')
  expect(reached({ column: 'MAE', goal: 3.9 })).toBe('no')
})

test('a goal that names what there is not is refused', () => {
  expect(() => reached({ column: 'RMSE', goal: 1 })).toThrow('"Sales" has no RMSE of "trees"')
  expect(() => reached({ column: 'MAE', goal: 'other' })).toThrow('no MAE of "other"')
  expect(() => reached({ column: 'MAE', goal: 1, section: 'Other' })).toThrow('"Other"')
})

function reached(goal: Partial<Goal> & Pick<Goal, 'column' | 'goal'>): string {
  const whole = { section: 'Sales', row: 'trees', from: 'a book', ...goal }
  const text = renderSummary([{ title: 'Shop', sections: [SECTION], goals: [whole] }])
  const cells = text.split('\n')[2].split(' | ')
  return cells[cells.length - 1].replace(' |', '')
}
