/** Holds shoppers between two steps while the audit reads; knows when none is under way. */
export class Gate {
  #open = false
  #under = 0
  #passing: (() => void)[] = []
  #resting: (() => void)[] = []

  /** A step begins, as soon as the gate is open. */
  async enter(): Promise<void> {
    while (!this.#open) await new Promise<void>((pass) => this.#passing.push(pass))
    this.#under++
  }

  leave(): void {
    this.#under--
    if (this.#under > 0) return
    for (const rest of this.#resting.splice(0)) rest()
  }

  open(): void {
    this.#open = true
    for (const pass of this.#passing.splice(0)) pass()
  }

  /** Resolves when all steps that had begun have ended. */
  async close(): Promise<void> {
    this.#open = false
    while (this.#under > 0) await new Promise<void>((rest) => this.#resting.push(rest))
  }
}
