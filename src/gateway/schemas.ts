/** The shapes of requests and answers: they validate what comes in and become the OpenAPI document. */
import Type, { type TSchema } from 'typebox'

export const ID_LENGTH_MAX = 512
export const PREDICTION_IDS_MAX = 1_000

const POSITION = '^[0-9]{1,4}:[0-9]{1,16}(,[0-9]{1,4}:[0-9]{1,16}){0,1023}$'
const LIMIT = '^([1-9][0-9]{0,2}|1000)$'
const CURSOR = '^[\\x21-\\x7e]{1,512}$'

const minPosition = Type.Optional(
  Type.String({
    pattern: POSITION,
    description: 'Answer only after these records are folded: a position from an ingest reply',
    examples: ['0:1234'],
  }),
)

export const NoParameters = Type.Object({}, { additionalProperties: false })

export const ProfileParameters = Type.Object(
  {
    min_position: minPosition,
    at: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 40,
        description: 'The profile as it was then: an ISO 8601 time or milliseconds since 1970',
      }),
    ),
  },
  { additionalProperties: false },
)

export const PredictionParameters = Type.Object(
  { min_position: minPosition },
  { additionalProperties: false },
)

export const EventsParameters = Type.Object(
  {
    limit: Type.Optional(
      Type.String({ pattern: LIMIT, description: '1 to 1000; 50 when left out' }),
    ),
    before: Type.Optional(
      Type.String({ pattern: CURSOR, description: 'The cursor "next" of the page before' }),
    ),
  },
  { additionalProperties: false },
)

export const MembersParameters = Type.Object(
  {
    limit: Type.Optional(
      Type.String({ pattern: LIMIT, description: '1 to 1000; 100 when left out' }),
    ),
    cursor: Type.Optional(
      Type.String({ pattern: CURSOR, description: 'The cursor "next" of the page before' }),
    ),
  },
  { additionalProperties: false },
)

export const IngestParameters = Type.Object({
  writeKey: Type.Optional(
    Type.String({ description: 'Where neither header nor body carries the key' }),
  ),
  predict: Type.Optional(
    Type.String({ description: 'Models to score after exactly these events, joined by commas' }),
  ),
})

export const PixelParameters = Type.Object({
  writeKey: Type.String({ description: 'A key with scope "write"' }),
  userId: Type.Optional(Type.String()),
  anonymousId: Type.Optional(Type.String()),
  event: Type.Optional(Type.String({ description: 'For track' })),
  name: Type.Optional(Type.String({ description: 'For page' })),
})

export const LiveParameters = Type.Object({
  topics: Type.Optional(
    Type.String({
      description: 'overview, profile:<id>, segment:<name>, states:<machine>; commas between',
    }),
  ),
  token: Type.Optional(Type.String({ description: 'A key with scope "read", for browsers' })),
})

export const IdBatch = Type.Object({
  ids: Type.Array(Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX }), {
    minItems: 1,
    maxItems: PREDICTION_IDS_MAX,
  }),
})

export const Message = Type.Object(
  {
    type: Type.Optional(Type.String({ description: 'Needed in a batch' })),
    userId: Type.Optional(Type.String({ description: 'userId or anonymousId is needed' })),
    anonymousId: Type.Optional(Type.String()),
    messageId: Type.Optional(Type.String({ maxLength: 100 })),
    event: Type.Optional(Type.String({ description: 'Needed by track' })),
    previousId: Type.Optional(Type.String({ description: 'Needed by alias' })),
    properties: Type.Optional(Type.Object({})),
    traits: Type.Optional(Type.Object({})),
    context: Type.Optional(Type.Object({})),
    timestamp: Type.Optional(Type.String({ format: 'date-time' })),
    originalTimestamp: Type.Optional(Type.String({ format: 'date-time' })),
    sentAt: Type.Optional(Type.String({ format: 'date-time' })),
    writeKey: Type.Optional(Type.String()),
  },
  { description: 'A message of the Segment specification; more members are allowed' },
)

export const MessageBatch = Type.Object({
  batch: Type.Array(Message, { maxItems: 2_500 }),
  context: Type.Optional(Type.Object({})),
  sentAt: Type.Optional(Type.String({ format: 'date-time' })),
  import: Type.Optional(Type.Boolean({ description: 'History: event times are taken as given' })),
  writeKey: Type.Optional(Type.String()),
})

const Rejected = Type.Array(
  Type.Object({ index: Type.Integer(), code: Type.String(), reason: Type.String() }),
)

const Prediction = Type.Object(
  {
    model: Type.String(),
    version: Type.String(),
    score: Type.Number({
      description:
        'A probability (of two classes: of the second; of several: of the label), or a value',
    }),
    label: Type.Union([Type.String(), Type.Null()], {
      description: 'The class that it is taken for; null of a value',
    }),
    scores: Type.Optional(
      Type.Record(Type.String(), Type.Number(), {
        description: 'Probability of each class, where there are more than two',
      }),
    ),
    position: Type.String({ description: "Of the profile's last record that the score has seen" }),
  },
  { additionalProperties: false },
)

const ErrorBody = Type.Object({
  code: Type.String({ pattern: '^ERR_[A-Z_]+$', description: 'Match this; see docs/errors.md' }),
  message: Type.String(),
})

/** One that does not serve is an error among the others' predictions. */
const PredictionOrError = Type.Union([Prediction, Type.Object({ error: ErrorBody })])
const Predictions = Type.Record(Type.String(), PredictionOrError, { description: 'By model' })

export const IngestAnswer = Type.Object({
  success: Type.Literal(true),
  position: Type.Optional(Type.String({ description: 'With predict' })),
  predictions: Type.Optional(Predictions),
  rejected: Type.Optional(Rejected),
})

export const StreamReply = Type.Object({
  ack: Type.Union([Type.Integer(), Type.Null()], { description: 'The seq of the frame' }),
  position: Type.Optional(Type.String()),
  accepted: Type.Integer(),
  rejected: Rejected,
  credits: Type.Integer({ description: 'Frames that may be unacknowledged from now on' }),
  predictions: Type.Optional(Predictions),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
})

export const ErrorAnswer = Type.Object({ error: ErrorBody })

export const EventPage = Type.Object({
  events: Type.Array(Type.Unknown()),
  cursor: Type.Object({ next: Type.Union([Type.String(), Type.Null()]) }),
})

const Link = Type.Object({
  id: Type.String(),
  since: Type.String({ format: 'date-time' }),
  source: Type.String({ description: 'Position of the newest join from there; empty: not known' }),
})

const TrailEntry = Type.Object(
  {
    position: Type.String(),
    time: Type.String({ format: 'date-time' }),
    kind: Type.Union(
      ['forward', 'confirmed', 'import', 'split', 'restored', 'returned', 'decided'].map((kind) =>
        Type.Literal(kind),
      ),
      {
        description:
          'forward: joined to `to`; import: took in `from`; restored: its join to `from` was undone; split: gave records back to `to`; returned: got them back from `from`; confirmed: what began at `of` is done; decided: a login that changed nothing',
      },
    ),
  },
  { additionalProperties: true },
)

export const IdentityAnswer = Type.Object({
  id: Type.String(),
  position: Type.String(),
  path: Type.Array(Type.String(), { description: 'From the id to the profile with its records' }),
  joined: Type.Union([
    Type.Object({
      to: Type.String(),
      since: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
      position: Type.String(),
    }),
    Type.Null(),
  ]),
  links: Type.Array(Link, { description: 'Ids that were joined to this one' }),
  former: Type.Array(
    Type.Object({ id: Type.String(), until: Type.String({ format: 'date-time' }) }),
    { description: 'Profiles that the id was joined to before, newest first' },
  ),
  pendingCount: Type.Integer({ description: 'Joins and undos of this id that are under way' }),
  pending: Type.Array(Type.Union([TrailEntry, Type.Null()])),
  profile: Type.Object({
    id: Type.String(),
    links: Type.Array(Link),
    pendingCount: Type.Integer(),
  }),
  trail: Type.Array(TrailEntry, { description: 'Records of identity of this id, newest first' }),
  cursor: Type.Object({ next: Type.Union([Type.String(), Type.Null()]) }),
})

export const UndoAnswer = Type.Object({
  id: Type.String(),
  state: Type.Union([Type.Literal('done'), Type.Literal('pending')], {
    description: 'pending, with status 202: it is durable, and the records are on their way back',
  }),
  undone: Type.Optional(
    Type.Boolean({ description: 'False where an earlier request had undone it already' }),
  ),
  from: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  position: Type.Optional(Type.String()),
})

export const PredictionAnswer = Prediction
export const PredictionsAnswer = Type.Object({ predictions: Predictions })
export const PredictionBatchAnswer = Type.Object({
  model: Type.String(),
  predictions: Type.Array(
    Type.Object({
      id: Type.String(),
      prediction: Type.Union([PredictionOrError, Type.Null()], {
        description: 'Null: no such shopper',
      }),
    }),
    { description: 'As many as ids were asked for, in their order' },
  ),
})

export const ModelsAnswer = Type.Object({
  models: Type.Array(
    Type.Object(
      {
        model: Type.String(),
        version: Type.String(),
        learner: Type.String(),
        task: Type.Union(
          ['binary', 'multiclass', 'regression', 'count'].map((task) => Type.Literal(task)),
        ),
        target: Type.String({ description: 'What is predicted, in words' }),
        classes: Type.Array(Type.String(), { description: 'None of a value' }),
        threshold: Type.Union([Type.Number(), Type.Null()], {
          description: 'Of two classes: a score of at least it is labelled as the second',
        }),
        metrics: Type.Record(Type.String(), Type.Union([Type.Number(), Type.Null()]), {
          description: 'On rows that the model was not fitted on',
        }),
      },
      { additionalProperties: false },
    ),
  ),
})
export const ClockAnswer = Type.Object({
  arrival: Type.String({ format: 'date-time' }),
  wall: Type.String({ format: 'date-time' }),
  driftSeconds: Type.Number(),
  state: Type.Union([Type.Literal('steady'), Type.Literal('drifted'), Type.Literal('catchingUp')]),
  retentionHeldSeconds: Type.Number(),
})

export const AnyObject: TSchema = Type.Object({}, { additionalProperties: true })
