import type { RecordCursor } from '../event/record-cursor.ts'
import { evaluatorOf } from './evaluator.ts'
import type { Evaluator } from './evaluator.ts'
import { compileExpression, compilePredicate, isTrue, parseExpression } from './expression.ts'
import type { Value } from './expression.ts'
import type { ProfileStore } from './store.ts'

/** Expressions that are asked from outside of the fold, of an event that it has just applied. */
export class EventExpressions {
  private readonly evaluator: Evaluator

  constructor(store: ProfileStore) {
    this.evaluator = evaluatorOf(store)
  }

  /** A condition over the event, as a trait's `where`. @throws LimnError ERR_EXPRESSION_… */
  condition(text: string): (cursor: RecordCursor) => boolean {
    const holds = compilePredicate(parseExpression(text), this.evaluator.eventNames)
    return (cursor) => this.during(cursor, holds)
  }

  /** An expression over the event. @throws LimnError ERR_EXPRESSION_… */
  value(text: string): (cursor: RecordCursor) => Value {
    const evaluate = compileExpression(parseExpression(text), this.evaluator.eventNames)
    return (cursor) => this.during(cursor, evaluate)
  }

  /**
   * A condition over a profile as of `now`, and over the event if there is one. As in a guard the
   * event's fields come before the profile's traits, but `traits.…` are the profile's attributes,
   * which an `identify` at hand has set already. @throws LimnError ERR_EXPRESSION_…
   */
  exclusion(text: string): (row: number, now: number, cursor: RecordCursor | null) => boolean {
    const evaluate = compileExpression(parseExpression(text), this.evaluator.rowNames)
    return (row, now, cursor) => {
      this.evaluator.look(row, now)
      return isTrue(cursor === null ? evaluate() : this.during(cursor, evaluate))
    }
  }

  private during<T>(cursor: RecordCursor, evaluate: () => T): T {
    const { context } = this.evaluator
    context.cursor = cursor
    context.time = cursor.eventTime
    context.signal = null
    context.silent = false
    const result = evaluate()
    context.silent = true
    return result
  }
}
