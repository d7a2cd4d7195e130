import type { Values, WeightedTag } from '../live/types.ts'
import { title, traitText } from './format.ts'

interface Props {
  readonly title: string
  readonly values: Values | undefined
}

function isTags(value: unknown): value is readonly WeightedTag[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    typeof value[0] === 'object' &&
    value[0] !== null &&
    'weight' in value[0]
  )
}

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === '' ||
  (Array.isArray(value) && value.length === 0)

interface Row {
  readonly name: string
  readonly cells: { readonly window: string; readonly text: string }[]
}

/** Traits that differ in their window only are one row: `orders` and `orders_30d`. */
function rowsOf(traits: readonly (readonly [string, unknown])[]): readonly Row[] {
  const rows = new Map<string, Row>()
  for (const [name, value] of traits) {
    const [, base = name, window = ''] = /^(.+)_(\d+[hd])$/.exec(name) ?? []
    const row = rows.get(base) ?? { name: base, cells: [] }
    rows.set(base, row)
    row.cells.push({ window, text: traitText(name, value) })
  }
  return [...rows.values()]
}

/** One part of the portrait. The value's element is keyed by its text, so that a change flashes. */
export function Traits({ title: heading, values }: Props) {
  const all = Object.entries(values ?? {}).filter(([, value]) => !isEmpty(value))
  const plain = all.filter(
    ([name, value]) => !isTags(value) && !/^(recency|frequency|monetary)_score$/.test(name),
  )
  const scores = all.filter(([name]) => /^(recency|frequency|monetary)_score$/.test(name))
  return (
    <article class={`card part ${heading.toLowerCase()}`}>
      <h2>{heading}</h2>
      {scores.length > 0 && (
        <ul class="rfm" aria-label="Recency, frequency, monetary value, each to 5">
          {scores.map(([name, value]) => (
            <li key={name}>
              <b class="flash" key={String(value)}>
                {String(value)}
              </b>
              <span>{title(name.replace('_score', ''))}</span>
            </li>
          ))}
        </ul>
      )}
      {all.map(([name, value]) => isTags(value) && <Tags key={name} name={name} tags={value} />)}
      {plain.length > 0 && (
        <dl class="traits">
          {rowsOf(plain).map(({ name, cells }) => (
            <div key={name}>
              <dt>{title(name.replace(/^seconds_/, ''))}</dt>
              <dd>
                {cells.map(({ window, text }) => (
                  <span key={`${window} ${text}`} class="flash">
                    {window !== '' && <small>{window}</small>}
                    {text}
                  </span>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      )}
      {all.length === 0 && <p class="quiet">Nothing known yet.</p>}
    </article>
  )
}

function Tags({ name, tags }: { readonly name: string; readonly tags: readonly WeightedTag[] }) {
  const heaviest = Math.max(...tags.map((tag) => tag.weight), Number.MIN_VALUE)
  return (
    <div class="tags">
      <h3>{title(name)}</h3>
      <ul>
        {tags.map(({ value, weight }) => (
          <li
            key={value}
            style={{ '--weight': weight / heaviest }}
            title={`weight ${weight.toFixed(2)}`}
          >
            {value}{' '}
            <small key={weight} class="flash">
              {weight.toFixed(1)}
            </small>
          </li>
        ))}
      </ul>
    </div>
  )
}
