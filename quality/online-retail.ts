import { cutAt, HORIZON_DAYS, TEST_CUTS, TRAINING_OFFSETS_DAYS } from './online-retail-cuts.ts'
import { RETAIL_INPUTS } from './online-retail-inputs.ts'
import { readRetailCustomers } from './online-retail-orders.ts'
import { returning, RETURNING_GOALS } from './online-retail-returning.ts'
import { spending, SPENDING_GOALS } from './online-retail-spending.ts'
import type { Protocol } from './protocol.ts'

const DAY_MS = 86_400_000

/** Which customers come back in 90 days, and what will they spend? Online Retail II. */
export const onlineRetail: Protocol = {
  name: 'online_retail',
  title: 'Returning customers and their spend: Online Retail II',
  folder: 'online_retail',
  description: `Customers with an order before a cut; predicted is what they do in the ${HORIZON_DAYS} days after it, from ${RETAIL_INPUTS.length} inputs. Test cuts: ${TEST_CUTS.join(', ')}; models are trained on cuts ${TRAINING_OFFSETS_DAYS.join(', ')} days earlier, whose labels were known by then. Figures are means over the test cuts. References are on the full set at cuts in 2011, with more history.`,
  goals: [...RETURNING_GOALS, ...SPENDING_GOALS],
  async run(context) {
    const customers = await readRetailCustomers(context.folder)
    context.say(`${customers.length} customers`)
    const days = TEST_CUTS.map((date) => Date.parse(`${date}T00:00:00Z`) / DAY_MS)
    const cuts = days.map((day) => cutAt(customers, day))
    for (const [i, { test }] of cuts.entries()) {
      const returned = test.returned.reduce((sum, label) => sum + label, 0)
      context.say(`${TEST_CUTS[i]}: ${test.spent.length} customers, ${returned} return`)
    }
    const earlier = days.map((day) => cutAt(customers, day - HORIZON_DAYS))
    return [await returning(cuts, context), await spending({ cuts, earlier }, context)]
  },
}
