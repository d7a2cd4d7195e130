import { filesOf, readCsv } from './read-csv.ts'

const DAY_SECONDS = 86_400

/** Transactions in order of time, as columns. */
export interface CardTransactions {
  readonly count: number
  /** Seconds since 1970. */
  readonly time: Float64Array
  readonly customer: Uint32Array
  readonly terminal: Uint32Array
  readonly amount: Float32Array
  readonly fraud: Uint8Array
  /** Days since the day of the first transaction. */
  readonly day: Uint32Array
}

export async function readCardTransactions(folder: string): Promise<CardTransactions> {
  const rows: {
    time: number
    customer: number
    terminal: number
    amount: number
    fraud: number
  }[] = []
  for (const path of await filesOf(folder, /^tx_.*\.csv\.gz$/)) {
    await readCsv(path, (row) => {
      rows.push({
        time: Date.parse(`${row.TX_DATETIME.replace(' ', 'T')}Z`) / 1000,
        customer: Number(row.CUSTOMER_ID),
        terminal: Number(row.TERMINAL_ID),
        amount: Number(row.TX_AMOUNT),
        fraud: Number(row.TX_FRAUD),
      })
    })
  }
  rows.sort((a, b) => a.time - b.time)
  const first = Math.floor(rows[0].time / DAY_SECONDS)
  return {
    count: rows.length,
    time: Float64Array.from(rows, ({ time }) => time),
    customer: Uint32Array.from(rows, ({ customer }) => customer),
    terminal: Uint32Array.from(rows, ({ terminal }) => terminal),
    amount: Float32Array.from(rows, ({ amount }) => amount),
    fraud: Uint8Array.from(rows, ({ fraud }) => fraud),
    day: Uint32Array.from(rows, ({ time }) => Math.floor(time / DAY_SECONDS) - first),
  }
}
