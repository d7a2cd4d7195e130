import { Type } from 'typebox'
import { LimnError } from '../../../protocol/errors.ts'
import { continuationOf, forecast, forecastErrors } from './arima-model.ts'
import type { ArimaFit } from './arima-model.ts'
import { MODELS_MAX, chooseDifferences, isExact, searchOrder } from './arima-order.ts'
import type { WantedOrder } from './arima-order.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { FitRequest, Learner } from '../learner.ts'
import type { Parameters, Predictor } from '../predictor.ts'
import { Pace } from '../pace.ts'
import { PARAMETERS, loadModel, saveModel, size } from '../saved-model.ts'
import type { KeptModel, ModelFormat } from '../saved-model.ts'

/** The latest values, of which a model is made. */
const VALUES_MAX = 4_000
const VALUES_MIN = 8
const ERRORS_SHOWN = 12
const CHOOSE = -1
const LAG_MAX = 4_096

const COEFFICIENTS = Type.Array(Type.Number())
const FACTS = Type.Object({
  order: Type.String(),
  ar: COEFFICIENTS,
  ma: COEFFICIENTS,
  seasonalAr: COEFFICIENTS,
  seasonalMa: COEFFICIENTS,
  /** Of the series, or of a step where it was differenced. */
  mean: Type.Number(),
  variance: Type.Number({ minimum: 0 }),
  logLikelihood: Type.Number(),
  likelihood: Type.Union([Type.Literal('exact'), Type.Literal('conditional')]),
  aic: Type.Number(),
  aicc: Type.Number(),
  bic: Type.Number(),
  values: size(1),
  modelsTried: size(1),
  converged: Type.Boolean(),
  valueLags: size(0, LAG_MAX),
  errorLags: size(0, LAG_MAX),
  parameters: PARAMETERS,
})
const ARRAYS = { values: 'f64', errors: 'f64', ar: 'f64', ma: 'f64', constant: 'f64' } as const
const FORMAT: ModelFormat<typeof FACTS, typeof ARRAYS> = {
  learner: 'arima',
  facts: FACTS,
  arrays: ARRAYS,
  lengths: ({ valueLags: ar, errorLags: ma }) => ({ values: ar, errors: ma, ar, ma, constant: 1 }),
}
type Model = KeptModel<typeof FACTS, typeof ARRAYS>

/** An order: what it is, and the most that may be asked for. */
function orderParameter(description: string, max: number) {
  return parameter(`${description}; -1: chosen`, CHOOSE, { min: CHOOSE, max, whole: true })
}

/**
 * Seasonal ARIMA by maximum likelihood. Orders that are not given are chosen: differences by tests of
 * the series, the others by the least AICc. For long seasons in long series the likelihood is conditional
 * on values before the first that are the mean. Forecasts are expected values; `describe()`
 * has the standard errors of the first steps, the coefficients, and the information criteria. Weights are
 * not used.
 */
export const arima: Learner = {
  name: 'arima',
  title: 'Seasonal ARIMA',
  tasks: ['series'],
  form: 'dense',
  parameters: {
    period: parameter('Steps of a season, as 7 for days of the week; 1: none', 1, {
      min: 1,
      max: 366,
      whole: true,
    }),
    p: orderParameter('Values that the next depends on', 5),
    d: orderParameter('Differences taken', 2),
    q: orderParameter('Errors that the next value depends on', 5),
    seasonalP: orderParameter('Values a season apart that the next depends on', 2),
    seasonalD: orderParameter('Differences of a season taken', 1),
    seasonalQ: orderParameter('Errors a season apart that the next value depends on', 2),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(arima, request)
    const series = Float64Array.from(request.training.labels.subarray(-VALUES_MAX))
    const wanted = wantedOrder(parameters)
    checkLength(series, wanted)
    const pace = new Pace(request, MODELS_MAX)
    const { best, models } = await searchOrder(series, wanted, pace)
    pace.finish()
    if (best === null || !best.errors.every(Number.isFinite)) {
      throw new LimnError('ERR_MODEL_DIVERGED', 'arima: the errors are no longer finite')
    }
    const { values, errors, lags, constant } = continuationOf(series, best)
    const facts = {
      ...factsOf(best),
      likelihood: isExact(series, wanted) ? ('exact' as const) : ('conditional' as const),
      values: series.length,
      modelsTried: models,
      valueLags: lags.ar.length,
      errorLags: lags.ma.length,
      parameters,
    }
    return open({ facts, arrays: { values, errors, ...lags, constant: Float64Array.of(constant) } })
  },

  async load(saved) {
    return open(loadModel(FORMAT, saved))
  },
}

function wantedOrder(parameters: Parameters): WantedOrder {
  const { period, p, d, q, seasonalP, seasonalD, seasonalQ } = parameters
  const given = (value: number, seasonal: boolean) => {
    if (seasonal && period < 2) return 0
    return value === CHOOSE ? null : value
  }
  return {
    period,
    p: given(p, false),
    d: given(d, false),
    q: given(q, false),
    seasonalP: given(seasonalP, true),
    seasonalD: given(seasonalD, true),
    seasonalQ: given(seasonalQ, true),
  }
}

function checkLength(series: Float64Array, wanted: WantedOrder): void {
  const { d, seasonalD } = chooseDifferences(series, wanted)
  const { p, q, seasonalP, seasonalQ, period } = wanted
  const reach = d + period * seasonalD
  const given = (p ?? 0) + (q ?? 0) + (seasonalP ?? 0) + (seasonalQ ?? 0)
  const least = reach + given + VALUES_MIN
  if (series.length >= least) return
  const message = `the series has ${series.length} values; this model needs ${least}`
  throw new LimnError('ERR_DATASET_EMPTY', message)
}

function factsOf(fit: ArimaFit) {
  const { order, coefficients, deviance, parameters, count } = fit
  const { p, d, q, seasonalP, seasonalD, seasonalQ, period } = order
  const plain = `(${p},${d},${q})`
  return {
    order: period > 1 ? `${plain}(${seasonalP},${seasonalD},${seasonalQ})${period}` : plain,
    ar: [...coefficients.ar],
    ma: [...coefficients.ma],
    seasonalAr: [...coefficients.seasonalAr],
    seasonalMa: [...coefficients.seasonalMa],
    mean: fit.mean,
    variance: fit.variance,
    logLikelihood: -deviance / 2,
    aic: deviance + 2 * parameters,
    aicc: fit.aicc,
    bic: deviance + Math.log(count) * parameters,
    converged: fit.converged,
  }
}

function open(model: Model): Predictor {
  const { facts, arrays } = model
  const { ar, ma } = arrays
  const { valueLags, errorLags, ...found } = facts
  const constant = arrays.constant[0]
  const continuation = { values: arrays.values, errors: arrays.errors, lags: { ar, ma }, constant }
  const standardErrors = forecastErrors({ ar, ma }, facts.variance, ERRORS_SHOWN)
  return {
    learner: arima.name,
    task: 'series',
    width: 0,
    outputs: 1,
    predict: (_, count, out) => out.set(forecast(continuation, count)),
    save: () => saveModel(FORMAT, model),
    describe: () => ({
      ...found,
      constant,
      reach: { values: valueLags, errors: errorLags },
      standardErrors,
    }),
    importance: () => null,
    dispose: () => undefined,
  }
}
