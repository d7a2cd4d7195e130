/** An array of numbers that grows by doubling. */
export class GrowingFloats {
  length = 0
  private values: Float64Array<ArrayBuffer>

  constructor(capacity = 1_024) {
    this.values = new Float64Array(capacity)
  }

  push(value: number): void {
    if (this.length === this.values.length) {
      const grown = new Float64Array(this.values.length * 2)
      grown.set(this.values)
      this.values = grown
    }
    this.values[this.length++] = value
  }

  at(index: number): number {
    return this.values[index]
  }

  set(index: number, value: number): void {
    this.values[index] = value
  }

  truncate(length: number): void {
    this.length = length
  }
}
