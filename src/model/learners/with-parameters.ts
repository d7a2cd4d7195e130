import { fillParameters, type Learner } from './learner.ts'
import type { Parameters } from './predictor.ts'

/**
 * A learner with other defaults. A search leaves what is given as it is.
 * @throws LimnError ERR_LEARNER_PARAMETER
 */
export function withParameters(learner: Learner, given: Parameters): Learner {
  fillParameters(learner, given)
  const parameters = Object.entries(learner.parameters).map(([name, parameter]) => {
    const value = given[name]
    return [name, value === undefined ? parameter : { ...parameter, value, grid: [value] }] as const
  })
  return {
    ...learner,
    parameters: Object.fromEntries(parameters),
    fit: (request) => learner.fit({ ...request, parameters: { ...given, ...request.parameters } }),
    load: (saved) => learner.load(saved),
  }
}
