import type { ModelRegistry } from '../registry.ts'
import type { VersionFacts } from './version-files.ts'
import { MANIFEST_FORMAT, type ModelManifest } from './manifest.ts'
import type { Member } from './model-version.ts'

export type NewVersion = Omit<
  ModelManifest,
  keyof VersionFacts | 'format' | 'learner' | 'members' | 'importance'
>

/**
 * Saves a model's members with reports beside them as a new version; it is not live yet.
 * @throws LimnError ERR_MODEL_SAVE, ERR_MODEL_NAME
 */
export function saveModelVersion(
  registry: ModelRegistry,
  version: NewVersion,
  members: readonly Member[],
  reports: Readonly<Record<string, (manifest: ModelManifest) => string>> = {},
): Promise<ModelManifest> {
  const saved = members.map(({ learner, parameters, pipeline }) => {
    return { learner, parameters, ...pipeline.save() }
  })
  const parts = saved.flatMap(({ preparation, predictor }) => [preparation.bytes, predictor.bytes])
  const weights = new Uint8Array(Buffer.concat(parts))
  const manifestOf = (made: VersionFacts): ModelManifest => ({
    format: MANIFEST_FORMAT,
    ...version,
    ...made,
    learner: members.map(({ learner }) => learner).join(' + '),
    importance: members[0].pipeline.importance(),
    members: saved.map(({ preparation, predictor, ...member }) => ({
      ...member,
      preparation: { ...preparation, bytes: preparation.bytes.length },
      predictor: { ...predictor, bytes: predictor.bytes.length },
    })),
  })
  return registry.save(version.model, weights, manifestOf, reports)
}
