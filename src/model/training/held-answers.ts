/** What rounds predicted for the rows that they held, gathered round by round. */
export class HeldAnswers {
  private readonly rounds: { readonly held: Uint32Array; readonly answers: Float32Array }[] = []

  /** Rounds so far. */
  get length(): number {
    return this.rounds.length
  }

  /** `answers` has equally many numbers for each row; of a row held twice the last ones count. */
  add(held: Uint32Array, answers: Float32Array): void {
    this.rounds.push({ held, answers })
  }

  /** All rows in ascending order, and the numbers of each in that order. */
  inOrder(): { held: Uint32Array; predictions: Float32Array; outputs: number } {
    const last = this.rounds.reduce((most, round) => round.held.reduce(larger, most), -1)
    const places = new Int32Array(last + 1).fill(-1)
    for (const round of this.rounds) for (const row of round.held) places[row] = 0
    let count = 0
    for (let row = 0; row <= last; row++) if (places[row] === 0) places[row] = count++
    const held = new Uint32Array(count)
    for (let row = 0; row <= last; row++) if (places[row] >= 0) held[places[row]] = row
    const [first] = this.rounds
    const outputs = first === undefined ? 1 : first.answers.length / first.held.length
    const predictions = new Float32Array(held.length * outputs)
    for (const { held: rows, answers } of this.rounds) {
      rows.forEach((row, i) => {
        predictions.set(answers.subarray(i * outputs, (i + 1) * outputs), places[row] * outputs)
      })
    }
    return { held, predictions, outputs }
  }
}

function larger(a: number, b: number): number {
  return Math.max(a, b)
}
