import { contentOf } from './journal-view.ts'
import type { ViewedRecord, ViewedShopper } from './journal-view.ts'

interface Content {
  readonly type: string
  readonly event?: string
  readonly properties?: {
    readonly revenue?: number
    readonly price?: number
    readonly product_id?: string
  }
  readonly traits?: Readonly<Record<string, string | number>>
}

interface Fact {
  readonly time: number
  readonly content: Content
}

const DISTINCT_MAX = 16

/**
 * What the values of a profile ought to be that do not depend on the order in which its events were
 * folded, computed as plainly as can be.
 */
export class PlainValues {
  /** Messages that were parsed before. */
  private readonly known = new Map<ViewedRecord, Fact>()

  /** What of the product's answer differs, or null. */
  faultOf(shopper: ViewedShopper, answer: string): string | null {
    const facts = shopper.records.filter(isEvent).map((record) => this.factOf(record))
    if (facts.length === 0) return null
    const profile = JSON.parse(answer) as Profile
    if (profile.error !== undefined) return `the answer is ${answer}`
    for (const [name, found, wanted] of expected(facts, profile)) {
      if (found !== wanted) return `${name} is ${String(found)}, should be ${String(wanted)}`
    }
    const views = facts.filter(isView)
    return firstFault(views, profile.interests.price_first) ?? attributeFault(facts, profile)
  }

  private factOf(record: ViewedRecord): Fact {
    const known = this.known.get(record)
    if (known !== undefined) return known
    const { time, message } = contentOf(record)
    const fact = { time, content: JSON.parse(message) as Content }
    this.known.set(record, fact)
    return fact
  }
}

type Profile = Readonly<Record<string, Readonly<Record<string, unknown>>>>
type Comparison = readonly [name: string, found: unknown, wanted: unknown]

function expected(facts: readonly Fact[], profile: Profile): Comparison[] {
  const views = facts.filter(isView)
  const revenues = facts
    .filter(({ content }) => content.event === 'Order Completed')
    .map(({ content }) => content.properties?.revenue ?? 0)
  const products = new Set(views.map(({ content }) => content.properties?.product_id))
  const values: Comparison[] = [
    ['firstSeenAt', profile.firstSeenAt, new Date(earliest(facts)).toISOString()],
    ['events', profile.behaviour.events, facts.length],
    ['views', profile.behaviour.views, views.length],
    ['orders', profile.consumption.orders, revenues.length],
    ['revenue', profile.consumption.revenue, revenues.reduce((sum, one) => sum + one, 0)],
  ]
  if (revenues.length > 0) {
    values.push(['revenue_max', profile.consumption.revenue_max, Math.max(...revenues)])
  }
  if (products.size <= DISTINCT_MAX) {
    values.push(['products', profile.interests.products, products.size])
  }
  return values
}

function isEvent({ messageId }: ViewedRecord): boolean {
  return messageId !== ''
}

function isView({ content }: Fact): boolean {
  return content.event === 'Product Viewed'
}

function earliest(facts: readonly Fact[]): number {
  return Math.min(...facts.map(({ time }) => time))
}

/** Of equal instants either may be the first. */
function firstFault(views: readonly Fact[], found: unknown): string | null {
  if (views.length === 0) return null
  const first = earliest(views)
  const may = views
    .filter(({ time }) => time === first)
    .map(({ content }) => content.properties?.price)
  return may.some((price) => price === found)
    ? null
    : `price_first is ${String(found)}, should be ${may.join(' or ')}`
}

/** Attributes by event time, each name by itself. */
function attributeFault(facts: readonly Fact[], profile: Profile): string | null {
  const found = profile.attributes
  const logins = facts.filter(({ content }) => content.type === 'identify')
  for (const name of ['plan', 'age']) {
    const said = logins.filter(({ content }) => content.traits?.[name] !== undefined)
    if (said.length === 0) continue
    const last = Math.max(...said.map(({ time }) => time))
    const may = said
      .filter(({ time }) => time === last)
      .map(({ content }) => content.traits?.[name])
    if (!may.some((value) => value === found[name])) {
      return `attribute ${name} is ${String(found[name])}, should be ${may.join(' or ')}`
    }
  }
  return null
}
