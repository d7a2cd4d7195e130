/** Look-ups: a URL becomes a {@link Query}, the shards' JSON text becomes the answer. */
import { Compile } from 'typebox/compile'
import { toErrorValue } from '../protocol/errors.ts'
import type { ErrorValue, ProfileScope, Query, QueryListener } from '../protocol/shards.ts'
import type { GatewayContext, RequestHandler } from './context.ts'
import { errorHeaders, respondError } from './http-error.ts'
import { MODEL_NAME, parameterError } from './predict-parameter.ts'
import { readPlainBody } from './request-body.ts'
import {
  EventsParameters,
  ID_LENGTH_MAX,
  IdBatch,
  MembersParameters,
  NoParameters,
  PREDICTION_IDS_MAX,
  PredictionParameters,
  ProfileParameters,
} from './schemas.ts'
import type { HttpExchange } from './transport.ts'

const EVENTS_LIMIT_DEFAULT = 50
const MEMBERS_LIMIT_DEFAULT = 100

/** A query string's values by name; the last of a name counts. */
type Values = Readonly<Record<string, string>>
type Parsed = Query | ErrorValue
type Parse = (parameters: readonly string[], values: Values) => Parsed

interface Checker {
  Check(value: unknown): boolean
  Errors(value: unknown): Iterable<{ instancePath: string; message: string; params?: unknown }>
}

const checkProfile = Compile(ProfileParameters)
const checkEvents = Compile(EventsParameters)
const checkPrediction = Compile(PredictionParameters)
const checkMembers = Compile(MembersParameters)
const checkNone = Compile(NoParameters)
const checkIds = Compile(IdBatch)

export function profileHandler(scope: ProfileScope): RequestHandler {
  return lookup(checkProfile, ([encoded = ''], values) => {
    const id = decodedId(encoded)
    if (typeof id !== 'string') return id
    const at = values.at === undefined ? null : timeOf(values.at)
    if (at !== null && typeof at !== 'number') return at
    return { kind: 'profile', id, scope, minPosition: values.min_position ?? '', at }
  })
}

export const eventsHandler = lookup(checkEvents, ([encoded = ''], values) => {
  const id = decodedId(encoded)
  if (typeof id !== 'string') return id
  const limit = Number(values.limit ?? EVENTS_LIMIT_DEFAULT)
  return { kind: 'events', id, limit, before: values.before ?? '' }
})

export const identityHandler = lookup(checkEvents, ([encoded = ''], values) => {
  const id = decodedId(encoded)
  if (typeof id !== 'string') return id
  const limit = Number(values.limit ?? EVENTS_LIMIT_DEFAULT)
  return { kind: 'identity', id, limit, before: values.before ?? '' }
})

export const undoHandler: RequestHandler = (exchange, [encoded = ''], context) => {
  const wrong =
    exchange.query === '' ? null : parameterProblem(checkNone, queryValues(exchange.query))
  const id = wrong ?? decodedId(encoded)
  if (typeof id !== 'string') return respondError(exchange, id)
  context.shards.undo(id, new Asking(exchange, context))
}

export const predictionsHandler = lookup(checkPrediction, ([encoded = '', model], values) => {
  const id = decodedId(encoded)
  if (typeof id !== 'string') return id
  if (model !== undefined && !MODEL_NAME.test(model)) return modelNameError()
  return { kind: 'predictions', id, model: model ?? null, minPosition: values.min_position ?? '' }
})

export const segmentsHandler = lookup(checkNone, () => ({ kind: 'segments' }))

export const segmentHandler = lookup(checkNone, ([encoded = '']) => {
  const name = decodedId(encoded)
  return typeof name === 'string' ? { kind: 'segment', name } : name
})

export const membersHandler = lookup(checkMembers, ([encoded = ''], values) => {
  const name = decodedId(encoded)
  if (typeof name !== 'string') return name
  const limit = Number(values.limit ?? MEMBERS_LIMIT_DEFAULT)
  return { kind: 'members', name, cursor: values.cursor ?? '', limit }
})

export const modelsHandler = lookup(checkNone, () => ({ kind: 'models' }))

export const predictionBatchHandler: RequestHandler = (exchange, [model = ''], context) => {
  if (!MODEL_NAME.test(model)) return respondError(exchange, modelNameError())
  readPlainBody(exchange, context.intake, {
    keyed: true,
    done: (result) => {
      if (result.body === null) return respondError(exchange, result.error)
      const ids = idsOf(result.body)
      result.claim.release()
      if (!Array.isArray(ids)) return respondError(exchange, ids as ErrorValue)
      answer(exchange, { kind: 'predictionBatch', model, ids }, context)
    },
  })
}

function lookup(checker: Checker, parse: Parse): RequestHandler {
  return (exchange, parameters, context) => {
    const values = queryValues(exchange.query)
    const wrong = exchange.query === '' ? null : parameterProblem(checker, values)
    const parsed = wrong ?? parse(parameters, values)
    if ('code' in parsed) return respondError(exchange, parsed)
    answer(exchange, parsed, context)
  }
}

function answer(exchange: HttpExchange, query: Query, context: GatewayContext): void {
  context.shards.ask(query, new Asking(exchange, context))
}

/** A request that waits for the shards. */
class Asking implements QueryListener {
  readonly #exchange: HttpExchange
  readonly #context: GatewayContext

  constructor(exchange: HttpExchange, context: GatewayContext) {
    this.#exchange = exchange
    this.#context = context
  }

  answered(status: number, body: string | Uint8Array): void {
    this.#exchange.respond(status, errorHeaders(status), body)
  }

  failed(error: unknown): void {
    const value = toErrorValue(error)
    if (value.code === 'ERR_INTERNAL') this.#context.log.error({ err: error }, 'query failed')
    respondError(this.#exchange, value)
  }
}

const NO_VALUES: Values = {}

function queryValues(query: string): Values {
  return query === '' ? NO_VALUES : Object.fromEntries(new URLSearchParams(query))
}

function parameterProblem(checker: Checker, values: Values): ErrorValue | null {
  if (checker.Check(values)) return null
  const [first] = checker.Errors(values)
  const name = first?.instancePath.slice(1) ?? ''
  if (name !== '')
    return parameterError(`The query parameter "${name}" ${first?.message ?? 'is wrong'}`)
  return parameterError(
    `The query string ${first?.message ?? 'is wrong'}: ${Object.keys(values).join(', ')}`,
  )
}

function decodedId(encoded: string): string | ErrorValue {
  let id: string
  try {
    id = encoded.includes('%') ? decodeURIComponent(encoded) : encoded
  } catch (error) {
    return parameterError(`The path is not percent-encoded UTF-8: ${toErrorValue(error).message}`)
  }
  if (id.length <= ID_LENGTH_MAX) return id
  return parameterError(`The id in the path is longer than ${ID_LENGTH_MAX} characters`)
}

function timeOf(text: string): number | ErrorValue {
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isSafeInteger(time)) return time
  return parameterError(
    'The query parameter "at" must be an ISO 8601 time or milliseconds since 1970',
  )
}

function modelNameError(): ErrorValue {
  return parameterError('A model name has at most 64 letters, digits, "_" and "-", a letter first')
}

function idsOf(body: Uint8Array): readonly string[] | ErrorValue {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  } catch (error) {
    return {
      code: 'ERR_REQUEST_JSON',
      message: `The body is not JSON: ${toErrorValue(error).message}`,
    }
  }
  if (checkIds.Check(parsed)) return parsed.ids
  const [first] = checkIds.Errors(parsed)
  const message = `The body must be {"ids":[1 to ${PREDICTION_IDS_MAX} ids]}: ${first?.message ?? ''}`
  return { code: 'ERR_REQUEST_BODY', message }
}
