/** A worker that does what the model's name says, in place of a training. */
export default async function run({ kind, request, port }) {
  port.postMessage({ stage: 'save' })
  if (request.name === 'refused') {
    return { ok: false, error: { code: 'ERR_DATASET_EMPTY', message: 'nothing', retryable: false } }
  }
  if (request.name === 'endless') await new Promise((resolve) => setTimeout(resolve, 60_000))
  await new Promise((resolve) => setTimeout(resolve, 20))
  return { ok: true, value: `${kind} ${request.name}` }
}
