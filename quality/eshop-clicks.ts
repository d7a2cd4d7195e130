import { filesOf, readCsv } from './read-csv.ts'

/** The month that is kept to test on. */
export const TEST_MONTH = 8

export interface Click {
  readonly month: number
  readonly session: string
  readonly order: number
  readonly model: string
  readonly categories: readonly string[]
  readonly price: number
  readonly above: number
  readonly page: number
}

/** In order of sessions and, within each, of time. */
export async function readClicks(folder: string): Promise<Click[]> {
  const clicks: Click[] = []
  for (const path of await filesOf(folder, /\.csv\.gz$/)) {
    await readCsv(
      path,
      (row) =>
        clicks.push({
          month: Number(row.month),
          session: row['session ID'],
          order: Number(row['order(sells)']),
          model: row['page 2 (clothing model)'],
          categories: [
            row['page 1 (main category)'],
            row.colour,
            row.location,
            row['model photography'],
            row.country,
          ],
          price: Number(row.price),
          above: Number(row['price 2'] === '1'),
          page: Number(row.page),
        }),
      { delimiter: ';' },
    )
  }
  return clicks
}
