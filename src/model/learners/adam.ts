const BETA_1 = 0.9
const BETA_2 = 0.999
const EPSILON = 1e-7

/** Adam (Kingma & Ba 2015) on one flat array; owns the moments of its gradients. */
export class Adam {
  private readonly first: Float32Array
  private readonly second: Float32Array
  private steps = 0

  constructor(size: number) {
    this.first = new Float32Array(size)
    this.second = new Float32Array(size)
  }

  /** Moves the parameters one step against the gradient, in place. */
  update(parameters: Float32Array, gradient: Float32Array, rate: number): void {
    this.steps++
    const { first, second } = this
    const correction1 = 1 - BETA_1 ** this.steps
    const correction2 = 1 - BETA_2 ** this.steps
    const size = (rate * Math.sqrt(correction2)) / correction1
    for (let i = 0; i < parameters.length; i++) {
      const g = gradient[i]
      first[i] = BETA_1 * first[i] + (1 - BETA_1) * g
      second[i] = BETA_2 * second[i] + (1 - BETA_2) * g * g
      parameters[i] -= (size * first[i]) / (Math.sqrt(second[i]) + EPSILON)
    }
  }
}
