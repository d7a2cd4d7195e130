import { LimnError } from '../../protocol/errors.ts'
import type { ModelRegistry } from '../registry.ts'
import { readModelVersion, type ModelVersion } from '../version/model-version.ts'

/** Of another release, damaged, or gone. */
const NOT_READABLE = [
  'ERR_MODEL_KIND',
  'ERR_MODEL_CORRUPT',
  'ERR_MODEL_UNKNOWN',
  'ERR_LEARNER_UNKNOWN',
]

/** The version that is live, or null where there is none, or none that can be read. */
export async function liveVersion(
  registry: ModelRegistry,
  name: string,
): Promise<ModelVersion | null> {
  try {
    const version = await registry.liveVersion(name)
    return version === null ? null : await readModelVersion(registry.directoryOf(name, version))
  } catch (error) {
    if (error instanceof LimnError && NOT_READABLE.includes(error.code)) return null
    throw error
  }
}
