import { LimnError } from '../../protocol/errors.ts'
import { categoryCode } from '../../profile/category-code.ts'
import type { Feature } from '../../profile/feature-vector.ts'
import type { TableColumn } from '../table/schema.ts'

interface Category {
  readonly column: number
  readonly codes: ReadonlyMap<number, number>
}

/**
 * Takes a model's columns out of the feature vectors that a profile writes: picks them by name, and
 * turns texts' codes into places among the categories that training has seen; others are missing.
 */
export class FeatureReader {
  readonly width: number
  private readonly features: number
  private readonly places: Int32Array
  private readonly categories: readonly Category[]

  /** @throws LimnError ERR_MODEL_FEATURES when a column is no feature, or of another kind */
  constructor(features: readonly Feature[], columns: readonly TableColumn[]) {
    this.width = columns.length
    this.features = features.length
    this.places = Int32Array.from(columns, (column) => placeOf(features, column))
    this.categories = columns.flatMap(({ kind, categories }, column) => {
      if (kind !== 'category') return []
      return [{ column, codes: new Map(categories.map((text, i) => [categoryCode(text), i])) }]
    })
  }

  /** Writes `count × width` raw values for feature vectors from row `first` on. */
  read(vectors: Float32Array, first: number, count: number, out: Float32Array): void {
    const { width, features, places, categories } = this
    for (let row = 0; row < count; row++) {
      const from = (first + row) * features
      const to = row * width
      for (let i = 0; i < width; i++) out[to + i] = vectors[from + places[i]]
      for (const { column, codes } of categories) {
        const code = out[to + column]
        out[to + column] = code === code ? (codes.get(code) ?? Number.NaN) : code
      }
    }
  }
}

function placeOf(features: readonly Feature[], { name, kind }: TableColumn): number {
  const place = features.findIndex((feature) => feature.name === name)
  if (place >= 0 && features[place].kind === kind) return place
  const found = place < 0 ? 'is not there' : `is a ${features[place].kind} now`
  throw new LimnError('ERR_MODEL_FEATURES', `the model reads the feature "${name}", which ${found}`)
}
