import type { InputForm } from '../learners/predictor.ts'
import type { TableColumn } from '../table/schema.ts'
import type { RawRows } from './column-values.ts'
import { fitInputPreparation } from './fit-preparation.ts'
import { fitSequencePreparation } from './fit-sequence.ts'
import type { PreparationOptions } from './options.ts'
import type { TablePreparation } from './table-preparation.ts'

/**
 * Fits the preparation that a form of inputs asks for; sequences are prepared in one way only.
 * @throws LimnError as {@link fitInputPreparation} and {@link fitSequencePreparation}
 */
export function fitTablePreparation(
  raw: RawRows,
  columns: readonly TableColumn[],
  { form, ...options }: Partial<Omit<PreparationOptions, 'form'>> & { readonly form: InputForm },
): TablePreparation {
  if (form === 'sequence') return fitSequencePreparation(raw, columns)
  return fitInputPreparation(raw, columns, { ...options, form })
}
