import type { ProfileDefinition } from '../../src/profile/definition.ts'

/** A small profile in which a fold that goes wrong shows: one trait of nearly each operation. */
export const DEFINITION: ProfileDefinition = {
  traits: {
    events: { part: 'behaviour', op: 'count', on: '*' },
    views: { part: 'behaviour', op: 'count', on: 'Product Viewed' },
    views_1h: { part: 'behaviour', op: 'count', on: 'Product Viewed', window: '1h' },
    orders_24h: { part: 'consumption', op: 'count', on: 'Order Completed', window: '24h' },
    orders: { part: 'consumption', op: 'count', on: 'Order Completed' },
    revenue: { part: 'consumption', op: 'sum', on: 'Order Completed', value: 'revenue' },
    revenue_max: { part: 'consumption', op: 'max', on: 'Order Completed', value: 'revenue' },
    price_first: { part: 'interests', op: 'first', on: 'Product Viewed', value: 'price' },
    price_last: { part: 'interests', op: 'last', on: 'Product Viewed', value: 'price' },
    product_last: {
      part: 'interests',
      op: 'last',
      on: 'Product Viewed',
      value: 'product_id',
      text: true,
    },
    products: {
      part: 'interests',
      op: 'distinct',
      on: 'Product Viewed',
      value: 'product_id',
      limit: 16,
    },
    sessions: { part: 'behaviour', op: 'count', on: 'Session Started' },
    since_event: { part: 'behaviour', op: 'since', on: '*' },
  },
  segments: {
    buyers: { when: 'orders >= 2' },
    lookers: { when: 'views_1h >= 3' },
  },
  machines: {
    mood: {
      id: 'mood',
      initial: 'calm',
      states: {
        calm: { on: { 'Product Viewed': 'curious' } },
        curious: { on: { 'Order Completed': 'happy' }, after: { '3s': 'bored' } },
        bored: { on: { 'Product Viewed': 'curious' } },
        happy: {
          on: { 'Product Viewed': { target: 'happy', reenter: true } },
          after: { '20s': 'calm' },
        },
      },
    },
  },
}
