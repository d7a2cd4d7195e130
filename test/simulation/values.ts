import type { ViewedShopper } from './journal-view.ts'
import { contentOf } from './journal-view.ts'

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
 * folded, computed as plainly as can be; returns what differs from the product's answer, or null.
 */
export function valueFault(shopper: ViewedShopper, answer: string): string | null {
  const facts: Fact[] = []
  for (const record of shopper.records) {
    if (record.messageId === '') continue
    const { time, message } = contentOf(record)
    facts.push({ time, content: JSON.parse(message) as Content })
  }
  if (facts.length === 0) return null
  const profile = JSON.parse(answer) as Record<string, Record<string, unknown>>
  const views = facts.filter(({ content }) => content.event === 'Product Viewed')
  const orders = facts.filter(({ content }) => content.event === 'Order Completed')
  const revenues = orders.map(({ content }) => content.properties?.revenue ?? 0)
  const products = new Set(views.map(({ content }) => content.properties?.product_id))
  const expected: [name: string, found: unknown, wanted: unknown][] = [
    ['firstSeenAt', profile.firstSeenAt, new Date(earliest(facts)).toISOString()],
    ['events', profile.behaviour.events, facts.length],
    ['views', profile.behaviour.views, views.length],
    ['orders', profile.consumption.orders, orders.length],
    ['revenue', profile.consumption.revenue, revenues.reduce((sum, one) => sum + one, 0)],
  ]
  if (revenues.length > 0) {
    expected.push(['revenue_max', profile.consumption.revenue_max, Math.max(...revenues)])
  }
  if (products.size <= DISTINCT_MAX) {
    expected.push(['products', profile.interests.products, products.size])
  }
  for (const [name, found, wanted] of expected) {
    if (found !== wanted) return `${name} is ${String(found)}, should be ${String(wanted)}`
  }
  return (
    firstFault(views, profile.interests.price_first) ?? attributeFault(facts, profile.attributes)
  )
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
function attributeFault(facts: readonly Fact[], found: Record<string, unknown>): string | null {
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
