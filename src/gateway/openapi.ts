import type { TSchema } from 'typebox'
import type { RequestHandler } from './context.ts'
import { JSON_HEADERS } from './http-error.ts'
import { ROUTES, type Route } from './routes.ts'
import { ErrorAnswer, StreamReply, UndoAnswer } from './schemas.ts'

const DOCUMENT_VERSION = '1.0.0'
const ERROR_REFERENCE = { $ref: '#/components/schemas/Error' }

export const openApiHandler: RequestHandler = (exchange) => {
  exchange.respond(200, JSON_HEADERS, JSON.stringify(openApiDocument(ROUTES)))
}

/** OpenAPI 3.1: TypeBox schemas are JSON Schema and go in as they are. */
export function openApiDocument(routes: readonly Route[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = (paths[route.pattern] ??= {})
    path[route.method.toLowerCase()] = operation(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Limn',
      version: DOCUMENT_VERSION,
      description: 'Events in, live profiles and predictions out.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: { Error: ErrorAnswer, StreamReply },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic', description: 'The key as user name' },
        queryKey: { type: 'apiKey', in: 'query', name: 'writeKey' },
        queryToken: { type: 'apiKey', in: 'query', name: 'token' },
      },
    },
  }
}

function operation(route: Route): Record<string, unknown> {
  return {
    summary: route.summary,
    operationId: operationId(route),
    security: security(route),
    parameters: [...pathParameters(route.pattern), ...queryParameters(route)],
    ...(route.body === null ? {} : { requestBody: requestBody(route.body) }),
    responses: { ...success(route), ...failures(route) },
  }
}

function operationId({ method, pattern }: Route): string {
  return `${method.toLowerCase()}${pattern.replaceAll(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}`
}

function security({ scope, pattern }: Route): Record<string, string[]>[] {
  if (scope === null) return []
  if (scope === 'write') return [{ basic: [] }, { bearer: [] }, { queryKey: [] }]
  return pattern === '/v1/live' ? [{ bearer: [] }, { queryToken: [] }] : [{ bearer: [] }]
}

function pathParameters(pattern: string): Record<string, unknown>[] {
  return [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters({ query }: Route): Record<string, unknown>[] {
  const required: readonly string[] = query.required ?? []
  return Object.entries(query.properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

function requestBody(schema: TSchema): Record<string, unknown> {
  return { required: true, content: { 'application/json': { schema } } }
}

function success(route: Route): Record<string, unknown> {
  if (route.handler === null) return { 101: { description: 'The WebSocket is open' } }
  const content = { [route.answerType]: route.answer === null ? {} : { schema: route.answer } }
  const accepted = { description: 'Durable; what follows from it is under way', content }
  const done = { 200: { description: 'Done', content } }
  return route.answer === UndoAnswer ? { ...done, 202: accepted } : done
}

function failures({ scope, body, pattern }: Route): Record<string, unknown> {
  const statuses: [number, string][] = [[400, 'Something in the request is wrong']]
  if (scope !== null || pattern.includes('writeKey'))
    statuses.push([401, 'No key or an unknown key'])
  if (scope !== null) statuses.push([403, "The key lacks the route's scope"])
  if (body !== null) statuses.push([413, 'The body is too large'], [415, 'An unknown encoding'])
  if (scope === 'write') statuses.push([429, 'Too much in flight; see Retry-After'])
  if (pattern.endsWith('/undo'))
    statuses.push([409, 'The id is not joined, or cannot be told apart'])
  statuses.push([503, 'Starting, stopping or recovering; see Retry-After'])
  const content = { 'application/json': { schema: ERROR_REFERENCE } }
  return Object.fromEntries(
    statuses.map(([status, description]) => [status, { description, content }]),
  )
}
