import { compileExpression, isTrue, parseExpression } from '../../src/profile/expression.ts'
import type { Expression, Value } from '../../src/profile/expression.ts'
import type { Entry } from './reference-record.ts'

/** A definition's expressions, parsed once: plain evaluation over many entries spends its time there. */
export class ReferenceExpressions {
  private readonly parsed = new Map<string, Expression>()
  private readonly ofEntries = new Map<string, () => Value>()
  private entry: Entry | null = null

  parse(text: string): Expression {
    const known = this.parsed.get(text)
    if (known !== undefined) return known
    const made = parseExpression(text)
    this.parsed.set(text, made)
    return made
  }

  /** An expression over an event's fields alone. */
  valueOf(text: string, entry: Entry): Value {
    this.entry = entry
    const known = this.ofEntries.get(text)
    if (known !== undefined) return known()
    const made = compileExpression(this.parse(text), (name) => {
      return () => this.entry?.field(name) ?? null
    })
    this.ofEntries.set(text, made)
    return made()
  }

  holds(text: string | undefined, entry: Entry): boolean {
    return text === undefined || isTrue(this.valueOf(text, entry))
  }
}
