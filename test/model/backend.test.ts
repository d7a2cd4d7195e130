import { expect, test } from 'vitest'
import { loadBackend } from '../../src/model/learners/backend.ts'

test('two that ask at once get the same backend, started', async () => {
  const backends = await Promise.all([loadBackend(), loadBackend(), loadBackend()])
  expect(new Set(backends.map(({ name }) => name)).size).toBe(1)
  for (const { tf } of backends) {
    const product = tf.matMul(tf.tensor2d([[2]]), tf.tensor2d([[3]]))
    expect(Number(product.dataSync()[0])).toBe(6)
  }
})

test('a backend that does not exist here is refused, and the next is loaded all the same', async () => {
  const code = 'ERR_MODEL_BACKEND'
  await expect(loadBackend('tensorflow')).rejects.toMatchObject({ code })
  expect((await loadBackend()).name).toBe('wasm')
})
