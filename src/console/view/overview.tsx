import { courseSeconds, overview, samples, segments } from '../live/overview.ts'
import { count, duration, milliseconds, title } from './format.ts'
import { LineChart } from './line-chart.tsx'

export function Overview() {
  const { eventsPerSecond, latencyMs, rejectedTotal, duplicatesTotal, shards } = overview.value
  const course = samples.value
  const seconds = courseSeconds()
  return (
    <section class="overview" aria-label="Overview">
      <article class="card">
        <h2>
          Event rate <small>last {duration(seconds)}</small>
        </h2>
        <p class="figure">
          {count(eventsPerSecond)}
          <small> events/s</small>
        </p>
        <LineChart
          label={`Event rate, now ${count(eventsPerSecond)} a second`}
          seconds={seconds}
          format={count}
          series={[
            {
              name: 'rate',
              tone: 'a',
              points: course.map((s) => ({ time: s.time, value: s.rate })),
            },
          ]}
        />
      </article>
      <article class="card">
        <h2>
          Time to acknowledge <small>last {duration(seconds)}</small>
        </h2>
        <p class="figure pair">
          <span class="key tone-a">
            {milliseconds(latencyMs?.p50)}
            <small> p50</small>
          </span>
          <span class="key tone-b">
            {milliseconds(latencyMs?.p99)}
            <small> p99</small>
          </span>
        </p>
        <LineChart
          label={`Latency, p50 ${milliseconds(latencyMs?.p50)}, p99 ${milliseconds(latencyMs?.p99)}`}
          seconds={seconds}
          format={milliseconds}
          series={[
            { name: 'p50', tone: 'a', points: course.map((s) => ({ time: s.time, value: s.p50 })) },
            { name: 'p99', tone: 'b', points: course.map((s) => ({ time: s.time, value: s.p99 })) },
          ]}
        />
      </article>
      <article class="card">
        <h2>Intake</h2>
        <dl class="pairs">
          <div>
            <dt>Rejected</dt>
            <dd>{count(rejectedTotal)}</dd>
          </div>
          <div>
            <dt>Duplicates</dt>
            <dd>{count(duplicatesTotal)}</dd>
          </div>
        </dl>
        <h2>Shards</h2>
        <ul class="shards">
          {(shards ?? []).map(({ shard, state }) => (
            <li key={shard} class={state === 'live' ? 'good' : 'wait'}>
              <i aria-hidden="true" />
              {shard} <b>{state}</b>
            </li>
          ))}
        </ul>
      </article>
      <Segments />
    </section>
  )
}

function Segments() {
  const live = overview.value.segments ?? {}
  const described = new Map(segments.value.map((segment) => [segment.name, segment]))
  const names = new Set([...described.keys(), ...Object.keys(live)])
  const rows = [...names].map((name) => ({
    name,
    size: live[name] ?? described.get(name)?.count ?? 0,
  }))
  const largest = Math.max(1, ...rows.map((row) => row.size))
  return (
    <article class="card">
      <h2>Segments</h2>
      <ul class="bars">
        {rows
          .sort((a, b) => b.size - a.size)
          .map(({ name, size }) => (
            <li key={name} title={described.get(name)?.description ?? described.get(name)?.when}>
              <span>{title(name)}</span>
              <b>{count(size)}</b>
              <i aria-hidden="true" style={{ width: `${(size / largest) * 100}%` }} />
            </li>
          ))}
      </ul>
    </article>
  )
}
