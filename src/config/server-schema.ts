import type { Static } from 'typebox'
import { Type } from 'typebox'

const closed = { additionalProperties: false } as const

function integer(minimum: number, maximum: number, value: number, description: string) {
  return Type.Integer({ minimum, maximum, default: value, description })
}

const MEBIBYTE = 1_048_576
const GIBIBYTE = 1024 * MEBIBYTE

const server = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      default: '127.0.0.1',
      description: 'Address to listen on; 0.0.0.0 for all.',
    }),
    port: integer(0, 65_535, 8080, 'TCP port; 0 takes a free one.'),
    transport: Type.Enum(['auto', 'uws', 'node'], {
      default: 'auto',
      description: 'uWebSockets.js (uws), node:http and ws (node), or the first that loads (auto).',
    }),
    corsOrigins: Type.Array(Type.String({ minLength: 1 }), {
      default: ['*'],
      maxItems: 100,
      description: 'Origins whose pages may send events and read; * for any.',
    }),
    idleTimeoutSeconds: integer(8, 960, 120, 'A silent connection is closed after this time.'),
    socketsMax: integer(
      1,
      1_000_000,
      10_000,
      'WebSockets open at once, nine tenths of them with one key; more are answered 429.',
    ),
    drainSeconds: integer(0, 600, 10, 'Time that open requests have at a stop.'),
  },
  { ...closed, description: 'Where and how the gateway listens.' },
)

const storage = Type.Object(
  {
    dir: Type.String({
      minLength: 1,
      default: './data',
      description: 'Data directory, relative to the working directory.',
    }),
    shards: integer(
      1,
      64,
      2,
      'Shards, one worker thread each. Stored with the data; changing it needs a re-shard.',
    ),
    mapSizeMaxBytes: integer(
      64 * MEBIBYTE,
      16_384 * GIBIBYTE,
      64 * GIBIBYTE,
      'Largest size of one shard’s data file; when it is reached the process ends (ERR_STORAGE_FULL).',
    ),
  },
  { ...closed, description: 'The journal and its checkpoints.' },
)

const ingest = Type.Object(
  {
    eventBytesMax: integer(1024, MEBIBYTE, 32_768, 'Largest event.'),
    bodyBytesMax: integer(1024, 64 * MEBIBYTE, 512_000, 'Largest HTTP body, decompressed.'),
    bodyTimeoutSeconds: integer(
      1,
      30,
      30,
      'Time that a body has to arrive; then it is answered 408 (ERR_REQUEST_TIMEOUT).',
    ),
    keylessBodyBytesMax: integer(
      1024,
      64 * MEBIBYTE,
      65_536,
      'Largest HTTP body of a request without a key in header or query: its key can only be in it.',
    ),
    keylessBytesMax: integer(
      65_536,
      GIBIBYTE,
      8 * MEBIBYTE,
      'Bytes of all such bodies that are on their way, each counted with 1 KiB more; beyond them 429.',
    ),
    keylessBodyTimeoutSeconds: integer(1, 30, 10, 'Time that such a body has to arrive.'),
    frameBytesMax: integer(1024, 64 * MEBIBYTE, MEBIBYTE, 'Largest WebSocket frame.'),
    batchEventsMax: integer(1, 100_000, 2500, 'Most events in one body or frame.'),
    inflightBytesMax: integer(
      MEBIBYTE,
      8 * GIBIBYTE,
      64 * MEBIBYTE,
      'Bytes of bodies that arrive under a valid key and of events not yet durable, over all connections; beyond them clients get 429.',
    ),
    creditFrames: integer(1, 4096, 16, 'Frames a WebSocket client may have unacknowledged.'),
  },
  { ...closed, description: 'Limits of what comes in.' },
)

const dedupe = Type.Object(
  {
    hours: integer(1, 168, 24, 'How long a message id is remembered.'),
    memoryBytesMax: Type.Optional(
      Type.Integer({
        minimum: MEBIBYTE,
        maximum: 64 * GIBIBYTE,
        description:
          'Memory for remembered message ids, all shards together, taken as needed; an eighth of the memory of machine or container if absent. When it is full, the oldest go one by one. See docs/performance.md for what it holds.',
      }),
    ),
  },
  { ...closed, description: 'Recognition of events that were sent twice.' },
)

const checkpoint = Type.Object(
  { intervalSeconds: integer(1, 86_400, 30, 'Time between two checkpoints of a shard.') },
  { ...closed, description: 'How often profiles are written, which bounds the time to recover.' },
)

const journal = Type.Object(
  {
    retentionDays: integer(
      0,
      36_500,
      0,
      'Days that records are kept after they were written, in whole blocks; 0 keeps them for ever. See docs/runtime-semantics.md for what is lost with them.',
    ),
    retentionSettleHours: integer(
      0,
      8_760,
      24,
      'Hours that the server has to run, after its time went forward by more than a day, until anything is dropped: the clock may be wrong, and what is dropped is gone.',
    ),
  },
  { ...closed, description: 'How far back the journal reaches.' },
)

const deadLetters = Type.Object(
  {
    max: integer(0, 10_000_000, 100_000, 'Rejected events kept a shard; the oldest go first.'),
    bytesMax: integer(
      0,
      64 * GIBIBYTE,
      128 * MEBIBYTE,
      'Bytes of them kept a shard; the oldest go first.',
    ),
  },
  { ...closed, description: 'Rejected events, kept with their reason.' },
)

const models = Type.Object(
  {
    dir: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Directory of the model registry; `models` in the data directory if absent.',
      }),
    ),
    serving: Type.Boolean({ default: true, description: 'Score profiles with live models.' }),
  },
  { ...closed, description: 'The model registry.' },
)

const log = Type.Object(
  {
    level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      default: 'info',
      description: 'Least severe level that is written.',
    }),
  },
  { ...closed, description: 'The log, JSON lines on standard output.' },
)

const live = Type.Object(
  {
    topicsMax: integer(
      1,
      10_000,
      64,
      'Topics one connection may subscribe to; more are answered with ERR_LIVE_TOPIC.',
    ),
    bufferBytesMax: integer(
      65_536,
      256 * MEBIBYTE,
      MEBIBYTE,
      'Unsent bytes at which a slow subscriber is dropped.',
    ),
    overviewIntervalMs: integer(100, 60_000, 1000, 'Time between two overview messages.'),
  },
  { ...closed, description: 'Live subscriptions.' },
)

const profile = Type.Object(
  {
    file: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Profile definition, relative to this file; the shipped `config/profile.yaml` if absent.',
      }),
    ),
  },
  { ...closed, description: 'What a profile consists of.' },
)

/** The server file. Units are in the names; every value has a default, so no file is needed. */
export const serverSchema = Type.Object(
  { server, storage, journal, ingest, dedupe, checkpoint, deadLetters, models, log, live, profile },
  closed,
)

export type ServerSettings = Static<typeof serverSchema>
