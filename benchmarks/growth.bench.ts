/**
 * How much more CPU does an event cost when there are more profiles?
 *
 * Load: as `ingestJson`, on a server with 10,000 profiles and on the fixture's; both have taken the
 * same number of events, so that they remember as many message ids. They are measured in turns, which
 * cancels the machine's drift; medians. `--full` adds 10 million profiles (about 16 GiB).
 */
import type { Benchmark, BenchmarkContext } from './benchmark.ts'
import { size } from './benchmark.ts'
import { Fixture } from './fixture.ts'
import { median } from './median.ts'

const PROFILES_FEW = 10_000
const PROFILES_FULL = 10_000_000
const TURNS = 5

export const growth: Benchmark = {
  name: 'growth',
  figures: [size('growthRatio', '×', { better: 'lower', must: 2, goal: 1.5 })],
  async run(context) {
    const { profiles, fixture } = context
    const usual = await compare(context, fixture)
    const full = context.full ? await compareFull(context) : 'not run with 10 M profiles (--full)'
    return {
      results: { growthRatio: usual.many / usual.few },
      notes: { growthRatio: `${text(usual, profiles)}; ${full}` },
    }
  },
}

interface CpuNs {
  readonly few: number
  readonly many: number
}

async function compareFull(context: BenchmarkContext): Promise<string> {
  const options = { profiles: PROFILES_FULL, fillEvents: PROFILES_FULL, withModel: false }
  const large = new Fixture({ ...options, say: context.say })
  try {
    return text(await compare(context, large), PROFILES_FULL)
  } finally {
    await large.remove()
  }
}

async function compare({ seconds, say }: BenchmarkContext, many: Fixture): Promise<CpuNs> {
  await many.server()
  const fillEvents = many.eventsSent
  const few = new Fixture({ profiles: PROFILES_FEW, fillEvents, withModel: false, say })
  try {
    const costs: { few: number[]; many: number[] } = { few: [], many: [] }
    for (let turn = 0; turn <= TURNS; turn++) {
      const turnFew = await few.load({ seconds: seconds / TURNS })
      const turnMany = await many.load({ seconds: seconds / TURNS })
      if (turn === 0) continue
      costs.few.push(turnFew.serverCpuNsPerEvent)
      costs.many.push(turnMany.serverCpuNsPerEvent)
    }
    return { few: median(costs.few), many: median(costs.many) }
  } finally {
    await few.remove()
  }
}

function text({ few, many }: CpuNs, profiles: number): string {
  return `${Math.round(few)} ns of CPU an event with ${PROFILES_FEW} profiles, ${Math.round(many)} ns with ${profiles} (${(many / few).toFixed(2)}×)`
}
