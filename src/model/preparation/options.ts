import type { RowForm } from './plan.ts'

export interface PreparationOptions {
  readonly form: RowForm
  /** What stands for a missing number, in the `dense` form. */
  readonly fill: 'mean' | 'median'
  /** Share of a column's rows at each end whose numbers are clipped; 0: none. `dense` form. */
  readonly clipShare: number
  /** Columns of numbers on a logarithmic scale whatever their skew. `dense` form. */
  readonly log: readonly string[]
  /** A category with fewer rows shares one flag with the other rare ones. */
  readonly rareRows: number
  /** Flags of a column at most; what is rarer shares one. */
  readonly flagsMax: number
  /** With more categories than this, those without a flag of their own share `buckets` by hash. */
  readonly hashAbove: number
  readonly buckets: number
  /** Columns taken together: two categories, or a number and a category, in either order. */
  readonly crosses: readonly (readonly [string, string])[]
}

export const PREPARATION_DEFAULTS: Omit<PreparationOptions, 'form'> = {
  fill: 'median',
  clipShare: 0.001,
  log: [],
  rareRows: 10,
  flagsMax: 40,
  hashAbove: 200,
  buckets: 32,
  crosses: [],
}
