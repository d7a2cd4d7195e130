import type { SchemaElement } from 'hyparquet'
import type { Feature } from '../../profile/feature-vector.ts'
import { LimnError } from '../../protocol/errors.ts'
import type { DatasetLabel } from './manifest.ts'

/** Columns that every dataset has, before its features. */
export const TIME = '_time'
export const SHARD = '_shard'
export const SEQUENCE = '_sequence'
export const LABEL = '_label'

const RESERVED = '_'
const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const

/** The columns of a dataset as Parquet's schema: what stands before the features is never null. */
export function parquetSchema(features: readonly Feature[], label: DatasetLabel): SchemaElement[] {
  const required = { repetition_type: 'REQUIRED' } as const
  const optional = { repetition_type: 'OPTIONAL' } as const
  const labelType = label.classes.length > 0 ? TEXT : ({ type: 'DOUBLE' } as const)
  return [
    { name: 'dataset', num_children: features.length + 4 },
    { name: TIME, type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', ...required },
    { name: SHARD, type: 'INT32', ...required },
    { name: SEQUENCE, type: 'INT64', ...required },
    { name: LABEL, ...labelType, ...required },
    ...features.map(({ name, kind }): SchemaElement => {
      const type = kind === 'category' ? TEXT : ({ type: 'FLOAT' } as const)
      return { name, ...type, ...optional }
    }),
  ]
}

/**
 * Names are columns of a file: each once, and none that a dataset's own columns could have.
 * @throws LimnError ERR_DATASET_COLUMN
 */
export function checkFeatureNames(features: readonly Feature[]): void {
  const seen = new Set<string>()
  for (const { name } of features) {
    if (name === '' || name.startsWith(RESERVED)) {
      const message = `a feature cannot be called "${name}": it must not be empty or begin with "${RESERVED}"`
      throw new LimnError('ERR_DATASET_COLUMN', message)
    }
    if (seen.has(name)) {
      throw new LimnError('ERR_DATASET_COLUMN', `two features are called "${name}"`)
    }
    seen.add(name)
  }
}
