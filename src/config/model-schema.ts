import type { Static } from 'typebox'
import { Type } from 'typebox'
import {
  CALIBRATIONS,
  CLASS_WEIGHTS,
  LABELS,
  MODEL_TASKS,
  SAMPLING_POINTS,
  SEARCH_METHODS,
  SELECTIONS,
  THRESHOLDS,
} from '../model/definition.ts'
import { MODEL_DEFAULTS } from '../model/definition-defaults.ts'
import { LEARNER_TASKS } from '../model/learners/learner-tasks.ts'
import { DURATION, closed, duration, expression, names, text } from './schema-parts.ts'

const FEATURES_MAX = 512
const LEARNERS = Object.keys(LEARNER_TASKS).filter((name) =>
  MODEL_TASKS.some((task) => LEARNER_TASKS[name].includes(task)),
)

const targetSchema = Type.Object(
  {
    event: names('Event names, message types (`page`, …) or `*`: what is waited for.'),
    where: expression('Only events for which this expression is true.'),
    label: Type.Optional(
      Type.Enum([...LABELS], {
        description:
          '`happens` (default): whether there is one; `absent`: whether there is none; `count`: how many; `sum`: of `value`, 0 where it is missing; `next`: `value` of the first that has one.',
      }),
    ),
    value: expression('`sum`: a number of the event; `next`: a text of it, such as `category`.'),
    within: Type.String({ ...DURATION, description: 'How far ahead, by arrival.' }),
    classesMax: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 1_000,
        description: `\`next\`: how many of the most frequent values are classes; the others are one. Default: ${MODEL_DEFAULTS.classesMax}.`,
      }),
    ),
  },
  { ...closed, description: 'What is predicted: a label of the events that follow.' },
)

const samplingSchema = Type.Object(
  {
    at: Type.Enum([...SAMPLING_POINTS], {
      default: MODEL_DEFAULTS.at,
      description:
        '`event`: after events; `session`: after one event of each session; `day`: at each midnight (UTC) for active profiles.',
    }),
    nth: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        description: `\`session\`: which event of it. Default: ${MODEL_DEFAULTS.nth}.`,
      }),
    ),
    on: Type.Optional(names('`event`: only after these. Default: all.')),
    rate: Type.Number({
      minimum: 0.000001,
      maximum: 1,
      default: MODEL_DEFAULTS.rate,
      description: 'Share of the moments that are candidates.',
    }),
    minGap: Type.String({
      ...DURATION,
      default: MODEL_DEFAULTS.minGap,
      description:
        'Least time between two rows of one profile. With a rate of 1 it takes the first event after each pause and few others.',
    }),
    perProfileMax: Type.Integer({
      minimum: 1,
      maximum: 65_535,
      default: MODEL_DEFAULTS.perProfileMax,
      description: 'Most rows of one profile.',
    }),
    activeWithin: duration(
      `\`day\`: only profiles whose last event is at most this old. Default: ${MODEL_DEFAULTS.activeWithin}.`,
    ),
    rowsMax: Type.Integer({
      minimum: 100,
      maximum: 50_000_000,
      default: MODEL_DEFAULTS.rowsMax,
      description: 'Most rows; beyond it, half of them go, again and again.',
    }),
  },
  { ...closed, description: 'At which moments of the history a row is taken.' },
)

function featureNames(description: string) {
  const item = Type.String({ minLength: 1, maxLength: 200 })
  return Type.Optional(Type.Array(item, { maxItems: FEATURES_MAX, description }))
}

const featuresSchema = Type.Object(
  {
    include: featureNames('Only these: names, or beginnings such as `spend*`. Default: all.'),
    exclude: featureNames('Not these: names, or beginnings.'),
    log: featureNames('Of these the logarithm is taken, where a learner needs its inputs scaled.'),
    cross: Type.Optional(
      Type.Array(Type.Array(Type.String({ minLength: 1 }), { minItems: 2, maxItems: 2 }), {
        maxItems: 64,
        description: 'Pairs of features that are taken together.',
      }),
    ),
  },
  { ...closed, description: 'Which features, and how they are transformed.' },
)

function cost(description: string) {
  return Type.Optional(Type.Number({ minimum: -1e12, maximum: 1e12, description }))
}

export const modelSchema = Type.Object(
  {
    description: text('For people.'),
    target: targetSchema,
    task: Type.Optional(
      Type.Enum([...MODEL_TASKS], {
        description:
          'Follows from the label: `happens`, `absent` binary; `next` multiclass; `count` count; `sum` regression. `count` and `sum` may be either of these two.',
      }),
    ),
    sampling: samplingSchema,
    exclude: Type.Object(
      {
        bots: Type.Boolean({
          default: true,
          description: "No row after a bot's event. Bots' events never count as outcomes.",
        }),
        when: expression(
          'No row where this expression over the event and the profile is true. `traits.…` are attributes of the profile; at midnight there is no event.',
        ),
      },
      { ...closed, description: 'Where no row is taken.' },
    ),
    features: Type.Optional(featuresSchema),
    select: Type.Optional(
      Type.Object(
        {
          k: Type.Integer({ minimum: 1, maximum: 100_000, description: 'How many are kept.' }),
          by: Type.Optional(
            Type.Enum([...SELECTIONS], { description: 'By which score. Default: anova.' }),
          ),
        },
        { ...closed, description: 'Keeps the inputs that tell most; all if absent.' },
      ),
    ),
    holdout: Type.Number({
      minimum: 0.05,
      maximum: 0.5,
      default: MODEL_DEFAULTS.holdout,
      description: 'Part of the time range, its end, that is kept for evaluation.',
    }),
    folds: Type.Integer({
      minimum: 0,
      maximum: 10,
      default: MODEL_DEFAULTS.folds,
      description:
        '0: learners are compared on the latest rows before the holdout; 2–10: by cross-validation of the rows before it.',
    }),
    learners: Type.Optional(
      Type.Array(Type.Enum(LEARNERS), {
        minItems: 1,
        maxItems: 16,
        description:
          'Learners that compete, of those that learn the task. Default: logistic (classes) or linear (values), and boosted_trees.',
      }),
    ),
    parameters: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z_]{1,40}$', allowed: 'the name of a learner' }),
        Type.Record(
          Type.String({ pattern: '^[a-zA-Z0-9]{1,40}$', allowed: 'the name of a setting' }),
          Type.Number(),
        ),
        {
          description:
            'Settings instead of a learner’s defaults, such as `network: { hidden1: 16 }`.',
        },
      ),
    ),
    search: Type.Object(
      {
        method: Type.Enum([...SEARCH_METHODS], {
          default: 'random',
          description: 'How settings of the learners are tried.',
        }),
        trials: Type.Integer({
          minimum: 0,
          maximum: 1_000,
          default: MODEL_DEFAULTS.trials,
          description: 'How many.',
        }),
      },
      { ...closed, description: 'Search for better settings.' },
    ),
    classWeights: Type.Enum([...CLASS_WEIGHTS], {
      default: 'none',
      description: '`balanced`: rows of rare classes weigh more.',
    }),
    threshold: Type.Object(
      {
        by: Type.Enum([...THRESHOLDS], {
          default: 'f1',
          description: 'From which probability on a prediction is a yes.',
        }),
        truePositive: cost('`cost`: of a yes that is right; a gain is negative. Default: 0.'),
        falsePositive: cost('`cost`: of a yes that is wrong. Default: 0.'),
        falseNegative: cost('`cost`: of a no that is wrong. Default: 0.'),
        trueNegative: cost('`cost`: of a no that is right. Default: 0.'),
      },
      { ...closed, description: 'How the threshold of a binary model is chosen.' },
    ),
    calibration: Type.Enum([...CALIBRATIONS], {
      default: 'auto',
      description: 'How probabilities are corrected; `auto`: as validation rows say.',
    }),
  },
  { ...closed, description: 'A model that is trained from the journal.' },
)

export type ModelConfig = Static<typeof modelSchema>
