/** Every route, once: dispatch, authentication, metrics and the OpenAPI document read this table. */
import type { TObject, TSchema } from 'typebox'
import type { IngestRoute } from '../protocol/shards.ts'
import type { RequestHandler } from './context.ts'
import { acceptClockHandler, clockHandler } from './clock-routes.ts'
import { ingestHandler } from './ingest.ts'
import type { KeyScope } from './keys.ts'
import { openApiHandler } from './openapi.ts'
import { healthHandler, metricsHandler, readyHandler } from './operations.ts'
import { pixelHandler } from './pixel.ts'
import {
  eventsHandler,
  identityHandler,
  membersHandler,
  modelsHandler,
  predictionBatchHandler,
  predictionsHandler,
  profileHandler,
  segmentHandler,
  segmentsHandler,
  undoHandler,
} from './query-routes.ts'
import {
  AnyObject,
  ClockAnswer,
  EventPage,
  EventsParameters,
  IdBatch,
  IdentityAnswer,
  IngestAnswer,
  IngestParameters,
  LiveParameters,
  MembersParameters,
  Message,
  MessageBatch,
  ModelsAnswer,
  NoParameters,
  PixelParameters,
  PredictionAnswer,
  PredictionBatchAnswer,
  PredictionParameters,
  PredictionsAnswer,
  ProfileParameters,
  UndoAnswer,
} from './schemas.ts'
import { settingsHandler } from './segment-settings.ts'

export interface Route {
  readonly method: 'GET' | 'POST'
  /** Literal and `{name}` segments. */
  readonly pattern: string
  readonly summary: string
  /** `write` routes look for their key themselves (it may be in the body); null needs no key. */
  readonly scope: KeyScope | null
  readonly query: TObject
  readonly body: TSchema | null
  /** The answer's content type and shape. */
  readonly answerType: string
  readonly answer: TSchema | null
  /** Null for a WebSocket. */
  readonly handler: RequestHandler | null
}

const JSON_TYPE = 'application/json'

const SINGLE_ROUTES: readonly (readonly [IngestRoute, string])[] = [
  ['track', 't'],
  ['identify', 'i'],
  ['page', 'p'],
  ['screen', 's'],
  ['group', 'g'],
  ['alias', 'a'],
]

export const ROUTES: readonly Route[] = [
  ...SINGLE_ROUTES.flatMap(([route, short]) => [
    ingest(`/v1/${route}`, route, `One ${route} message`),
    ingest(`/v1/${short}`, route, `One ${route} message (browser short form)`),
  ]),
  ingest('/v1/batch', 'batch', 'Many messages'),
  ingest('/v1/b', 'batch', 'Many messages (browser short form)'),
  ingest('/v1/import', 'import', 'Many messages of the past: event times are taken as given'),
  ingest('/beacon/v1/batch', 'batch', 'Many messages, as RudderStack sends from a closing page'),
  pixel('track'),
  pixel('page'),
  read('/v1/projects/{writeKey}/settings', "Settings for Segment's browser library", {
    scope: null,
    handler: settingsHandler,
  }),
  socket(
    '/v1/stream',
    'Events over a WebSocket, acknowledged frame by frame',
    'write',
    IngestParameters,
  ),
  read('/v1/profiles/{id}', 'A whole profile', profile('all')),
  read('/v1/profiles/{id}/traits', "A profile's traits", profile('traits')),
  read('/v1/profiles/{id}/segments', "A profile's segments", profile('segments')),
  read('/v1/profiles/{id}/machines', "A profile's machine states", profile('machines')),
  read('/v1/profiles/{id}/events', "A profile's events, newest first", {
    query: EventsParameters,
    answer: EventPage,
    handler: eventsHandler,
  }),
  read('/v1/profiles/{id}/identity', 'Who an id is joined with, and the records that made it so', {
    query: EventsParameters,
    answer: IdentityAnswer,
    handler: identityHandler,
  }),
  {
    ...read('/v1/profiles/{id}/identity/undo', 'Undoes the newest join of exactly this id', {
      scope: 'admin',
      answer: UndoAnswer,
      handler: undoHandler,
    }),
    method: 'POST',
  },
  read('/v1/profiles/{id}/predictions', "Every model's prediction for a profile", {
    query: PredictionParameters,
    answer: PredictionsAnswer,
    handler: predictionsHandler,
  }),
  read('/v1/profiles/{id}/predictions/{model}', "One model's prediction for a profile", {
    query: PredictionParameters,
    answer: PredictionAnswer,
    handler: predictionsHandler,
  }),
  {
    ...read('/v1/predictions/{model}', "One model's predictions for many profiles", {
      answer: PredictionBatchAnswer,
      handler: predictionBatchHandler,
    }),
    method: 'POST',
    body: IdBatch,
  },
  read('/v1/segments', 'Segments with their live counts', { handler: segmentsHandler }),
  read('/v1/segments/{name}', 'A segment with its live count', { handler: segmentHandler }),
  read('/v1/segments/{name}/members', "A segment's members, page by page", {
    query: MembersParameters,
    handler: membersHandler,
  }),
  read('/v1/models', 'Models that score', { answer: ModelsAnswer, handler: modelsHandler }),
  socket('/v1/live', 'Changes as they happen, over a WebSocket', 'read', LiveParameters),
  read('/v1/clock', 'Arrival time beside the wall clock', {
    answer: ClockAnswer,
    handler: clockHandler,
  }),
  {
    ...read('/v1/clock/accept', 'The wall clock is right: arrival time goes by it', {
      scope: 'admin',
      answer: ClockAnswer,
      handler: acceptClockHandler,
    }),
    method: 'POST',
  },
  read('/healthz', 'The process is alive', { scope: null, handler: healthHandler }),
  read('/readyz', 'Recovered and accepting events', { scope: null, handler: readyHandler }),
  {
    ...read('/metrics', 'Prometheus metrics', { scope: null, handler: metricsHandler }),
    answerType: 'text/plain',
    answer: null,
  },
  read('/openapi.json', 'This document', { scope: null, handler: openApiHandler }),
]

type ReadOptions = Pick<Route, 'handler'> & Partial<Pick<Route, 'scope' | 'query' | 'answer'>>

function read(pattern: string, summary: string, options: ReadOptions): Route {
  return {
    method: 'GET',
    pattern,
    summary,
    scope: 'read',
    query: NoParameters,
    body: null,
    answerType: JSON_TYPE,
    answer: AnyObject,
    ...options,
  }
}

function profile(scope: 'all' | 'traits' | 'segments' | 'machines'): ReadOptions {
  return { query: ProfileParameters, handler: profileHandler(scope) }
}

function ingest(pattern: string, route: IngestRoute, summary: string): Route {
  return {
    method: 'POST',
    pattern,
    summary,
    scope: 'write',
    query: IngestParameters,
    body: route === 'batch' || route === 'import' ? MessageBatch : Message,
    answerType: JSON_TYPE,
    answer: IngestAnswer,
    handler: ingestHandler(route),
  }
}

function pixel(type: 'track' | 'page'): Route {
  return {
    method: 'GET',
    pattern: `/pixel/v1/${type}`,
    summary: `One ${type} message in the query, answered with an image`,
    scope: 'write',
    query: PixelParameters,
    body: null,
    answerType: 'image/gif',
    answer: null,
    handler: pixelHandler(type),
  }
}

function socket(pattern: string, summary: string, scope: KeyScope, query: TObject): Route {
  return { ...read(pattern, summary, { scope, query, handler: null }), answer: null }
}
