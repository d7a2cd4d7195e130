import { course, predictions } from '../live/portrait.ts'
import { percent } from './format.ts'
import { LineChart } from './line-chart.tsx'

/** The course fills the chart from the moment the portrait was opened, but shows no less than this. */
const SHORTEST_SPAN_S = 5
const ARC = 2 * Math.PI * 52

export function PredictionCard() {
  const prediction = predictions.value['purchase']
  const score = prediction?.score
  const span = Math.max(
    SHORTEST_SPAN_S,
    ((course.value.at(-1)?.time ?? 0) - (course.value[0]?.time ?? 0)) / 1000,
  )
  return (
    <article class="card prediction">
      <h2>
        Will purchase <small>within 24 h</small>
      </h2>
      {score === undefined ? (
        <p class="quiet">No model is live yet.</p>
      ) : (
        <div class="dial-row">
          <svg
            class="dial"
            viewBox="0 0 120 120"
            role="img"
            aria-label={`Probability ${percent(score)}`}
          >
            <circle class="track" cx="60" cy="60" r="52" />
            <circle
              class="value"
              cx="60"
              cy="60"
              r="52"
              stroke-dasharray={`${score * ARC} ${ARC}`}
              transform="rotate(-90 60 60)"
            />
            <text x="60" y="69" text-anchor="middle">
              {percent(score)}
            </text>
          </svg>
          {course.value.length < 2 && (
            <p class="quiet waiting">The course is drawn as events arrive.</p>
          )}
          <LineChart
            label="Course of the prediction since opened"
            seconds={span}
            format={percent}
            ceiling={1}
            series={[
              {
                name: 'score',
                tone: 'b',
                points: course.value.map((p) => ({ time: p.time, value: p.score })),
              },
            ]}
          />
        </div>
      )}
      {prediction?.version !== undefined && (
        <p class="quiet">
          Model {prediction.model ?? 'purchase'} · {prediction.version}
        </p>
      )}
    </article>
  )
}
