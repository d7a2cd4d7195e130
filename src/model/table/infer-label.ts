import { LimnError } from '../../protocol/errors.ts'
import { parseNumber } from './cells.ts'
import type { Task } from '../learners/predictor.ts'
import type { ColumnFacts } from './column-facts.ts'
import { sortedTexts, truthsOf } from './infer-column.ts'
import type { LabelSchema } from './schema.ts'

const CLASSES_MAX = 100

export interface LabelRequest {
  readonly name: string
  /** Not given: inferred from the column. */
  readonly task?: Task
  /** The text of class 1, for `binary`. */
  readonly positive?: string
}

/**
 * How the label's column is read. Without a task: two values are `binary`, with true, yes or 1 or
 * else the rarer as the positive class; other texts are `multiclass`; numbers are `regression`, and
 * numbers with other texts among them are refused.
 * @throws LimnError ERR_TABLE_LABEL, ERR_DATASET_ONE_CLASS
 */
export function inferLabel(facts: ColumnFacts, request: LabelRequest): LabelSchema {
  const task = request.task ?? taskOf(facts)
  const { name } = facts
  const different = facts.texts.size
  if (different < 2) {
    const message = `the label "${name}" has ${different === 0 ? 'no value' : 'the same value in every row'}`
    throw new LimnError('ERR_DATASET_ONE_CLASS', message)
  }
  if (request.task === undefined && task === 'multiclass') refuseMixed(facts)
  if (task === 'binary') return binaryLabel(facts, request.positive)
  if (task === 'multiclass') {
    if (different > CLASSES_MAX) {
      throw badLabel(`"${name}" has more than ${CLASSES_MAX} different values to tell apart`)
    }
    return { name, task, classes: sortedTexts(facts), truth: false }
  }
  if (task !== 'regression' && task !== 'count') {
    throw badLabel(`"${task}" is not learned from a label; leave the label out`)
  }
  if (facts.numbers < facts.present) {
    throw badLabel(`"${name}" is not only numbers: it holds "${strayText(facts)}"`)
  }
  const counts = facts.wholes === facts.present && facts.negatives === 0
  if (task === 'count' && !counts) throw badLabel(`"${name}" is no count: whole numbers from 0`)
  return { name, task, classes: [], truth: false }
}

export function badLabel(reason: string): LimnError {
  return new LimnError('ERR_TABLE_LABEL', reason)
}

function taskOf(facts: ColumnFacts): Task {
  if (facts.texts.size === 2 || isTruth(facts)) return 'binary'
  return facts.numbers === facts.present ? 'regression' : 'multiclass'
}

/** Numbers with a few texts such as "inf" are hardly meant as classes. */
function refuseMixed(facts: ColumnFacts): void {
  const { name, numbers, present } = facts
  if (numbers <= present / 2 || numbers === present) return
  const found = `"${name}" holds ${numbers} numbers and other texts such as "${strayText(facts)}"`
  throw badLabel(`${found}; correct them, or say the task: multiclass takes them as classes`)
}

function strayText({ texts }: ColumnFacts): string {
  return [...texts.keys()].find((text) => Number.isNaN(parseNumber(text))) ?? ''
}

function isTruth(facts: ColumnFacts): boolean {
  return facts.truths === facts.present && truthsOf(facts).every((text) => text !== '')
}

function binaryLabel(facts: ColumnFacts, positive: string | undefined): LabelSchema {
  const { name } = facts
  if (isTruth(facts) && (positive === undefined || truthsOf(facts)[1] === positive)) {
    return { name, task: 'binary', classes: truthsOf(facts), truth: true }
  }
  const [first, second] = sortedTexts(facts)
  if (facts.texts.size !== 2) {
    throw badLabel(`"${name}" has ${facts.texts.size} different values, not two`)
  }
  if (positive !== undefined && positive !== first && positive !== second) {
    throw badLabel(`"${name}" is never "${positive}"; it is "${first}" or "${second}"`)
  }
  const rarer = (facts.texts.get(first) ?? 0) < (facts.texts.get(second) ?? 0) ? first : second
  const yes = positive ?? rarer
  return { name, task: 'binary', classes: [yes === first ? second : first, yes], truth: false }
}
