import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

/** Folders and files of src/model/ that a thread which serves has no use for. */
const FITS = [
  'dataset',
  'dataset-files',
  'evaluation',
  'journal',
  'leaks',
  'report',
  'table',
  'training',
  'definition.ts',
  'random.ts',
  'registry.ts',
  'selection.ts',
  'trainer.ts',
  'learners/adam.ts',
  'learners/early-stopping.ts',
  'learners/learner.ts',
  'learners/network-loss.ts',
  'learners/pace.ts',
  'learners/registry.ts',
  'version/save-version.ts',
]
/** What files that fit are called, and what those export that fit something. */
const FITTING_NAME = /^(?:fit|choose|grow|train)-|-(?:fit|training|grower|order)\.ts$/
const FITTING_EXPORT = /^export (?:async )?function \*?(?:fit|choose|train|search|grow)[A-Z]/m
/** Packages that a thread which serves needs. */
const PACKAGES = /^(?:node:.*|isbot|lmdb|typebox(?:\/.*)?|xstate|@tensorflow\/tfjs-.*)$/

const IMPORTED =
  /^(?:import|export)(?<type>\s+type)?\s[^'";()]*?from '(?<from>[^']+)'|(?:^import |(?<![.\w])import\(\s*)'(?<alone>[^']+)'/gm

interface Reached {
  /** Paths from the root, each with the file that asks for it. */
  readonly files: ReadonlyMap<string, string>
  readonly packages: ReadonlyMap<string, string>
}

/** All that is loaded with an entry, or may be later on: types aside, imports within functions too. */
function reachedFrom(entry: string): Reached {
  const files = new Map([[entry, 'the start']])
  const packages = new Map<string, string>()
  // A map gives what is added to it while it is gone through.
  for (const file of files.keys()) {
    for (const target of importsOf(file)) {
      if (!target.startsWith('.')) packages.set(target, file)
      else {
        const path = relative(ROOT, resolve(ROOT, dirname(file), target))
        if (!files.has(path)) files.set(path, file)
      }
    }
  }
  return { files, packages }
}

function importsOf(file: string): string[] {
  const found: string[] = []
  for (const { groups } of codeOf(file).matchAll(IMPORTED)) {
    if (groups?.type !== undefined) continue
    const target = groups?.from ?? groups?.alone
    if (target !== undefined) found.push(target)
  }
  return found
}

function codeOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8').replaceAll(/\/\*[^]*?\*\//g, '')
}

function fits(file: string): boolean {
  const [, inModel] = /^src\/model\/(.*)$/.exec(file) ?? []
  if (inModel === undefined) return false
  const named = FITS.some((one) => inModel === one || inModel.startsWith(`${one}/`))
  return named || FITTING_NAME.test(basename(file)) || FITTING_EXPORT.test(codeOf(file))
}

describe("a shard's thread", () => {
  const { files, packages } = reachedFrom('workers/shard.ts')

  test('reaches what reads and scores a version', () => {
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        'src/model/version/pipeline.ts',
        'src/model/preparation/input-preparation.ts',
        'src/model/learners/trees/forest-predictor.ts',
        'src/model/learners/dense/dense-predictor.ts',
        'src/model/learners/svm/svm-rbf-predictor.ts',
      ]),
    )
  })

  test('reaches no file that fits, searches, evaluates or saves', () => {
    const found = [...files].filter(([file]) => fits(file))
    expect(found.map(([file, from]) => `${from} → ${file}`)).toEqual([])
  })

  test('reaches no package but what serving needs', () => {
    const found = [...packages].filter(([name]) => !PACKAGES.test(name))
    expect(found.map(([name, from]) => `${from} → ${name}`)).toEqual([])
  })

  test('imports by literal names, but for a native TensorFlow.js, so that the above is all', () => {
    const found = [...files.keys()].filter((file) =>
      /(?<![.\w])import\((?!\s*')/.test(codeOf(file)),
    )
    expect(found).toEqual(['src/model/learners/backend.ts'])
  })
})

test('every folder and file that is forbidden is there, and training reaches most of them', () => {
  expect(FITS.filter((one) => !existsSync(join(ROOT, 'src/model', one)))).toEqual([])
  const { files } = reachedFrom('workers/train.ts')
  const trained = [...files.keys()].filter(fits)
  expect(trained).toEqual(
    expect.arrayContaining([
      'src/model/training/fit-pipeline.ts',
      'src/model/preparation/fit-numbers.ts',
      'src/model/learners/trees/tree-grower.ts',
      'src/model/learners/dense/dense-fit.ts',
    ]),
  )
})
