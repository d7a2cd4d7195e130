import { endianness } from 'node:os'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { INPUTS_MAX, LEAF_WORD, type Forest } from './forest.ts'
import { CUTS_MAX } from './cut-codes.ts'

const Size = (maximum: number) => Type.Integer({ minimum: 0, maximum })

/** What a reader must know to lay out the bytes of a forest. */
export const FOREST_SHAPE = Type.Object({
  width: Size(INPUTS_MAX),
  scores: Type.Integer({ minimum: 1, maximum: 65_536 }),
  leafSize: Type.Integer({ minimum: 1, maximum: 65_536 }),
  cuts: Size(INPUTS_MAX * (CUTS_MAX + 1)),
  trees: Size(2 ** 24),
  nodes: Size(2 ** 30),
  leaves: Size(2 ** 30),
})
export type ForestShape = Static<typeof FOREST_SHAPE>

export function describeForest(forest: Forest): ForestShape {
  const { width, scores, leafSize, cuts, roots, nodes, values } = forest
  return {
    width,
    scores,
    leafSize,
    cuts: cuts.reduce((sum, inputCuts) => sum + inputCuts.length, 0),
    trees: roots.length,
    nodes: nodes.length / 2,
    leaves: values.length / leafSize,
  }
}

/** Little-endian words of 32 bits: cuts an input, cuts, gains, roots, nodes, values. */
export function encodeForest(forest: Forest): Uint8Array {
  const counts = Uint32Array.from(forest.cuts, (cuts) => cuts.length)
  const { gains, roots, nodes, values } = forest
  const parts = [counts, ...forest.cuts, gains, roots, nodes, values]
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at)
    at += part.byteLength
  }
  return swapWhereBigEndian(bytes)
}

/** @throws Error saying what does not fit */
export function decodeForest(given: unknown, bytes: Uint8Array): Forest {
  if (!Value.Check(FOREST_SHAPE, given)) throw new Error('describes an impossible forest')
  const { width, scores, leafSize, trees } = given
  const words = 2 * width + given.cuts + trees + 2 * given.nodes + given.leaves * leafSize
  if (bytes.length !== 4 * words) throw new Error(`has ${bytes.length} bytes, not ${4 * words}`)
  const { buffer } = swapWhereBigEndian(bytes.slice())
  let at = 0
  const integers = (size: number) => new Uint32Array(buffer, 4 * (at += size) - 4 * size, size)
  const floats = (size: number) => new Float32Array(buffer, 4 * (at += size) - 4 * size, size)
  const counts = integers(width)
  if (counts.reduce((sum, count) => sum + count, 0) !== given.cuts) {
    throw new Error('has cuts that do not add up')
  }
  const cuts = Array.from(counts, floats)
  const gains = floats(width)
  const [roots, nodes] = [integers(trees), integers(2 * given.nodes)]
  const values = floats(given.leaves * leafSize)
  const forest = { width, scores, leafSize, cuts, gains, roots, nodes, values }
  checkForest(forest)
  return forest
}

function checkForest({ scores, leafSize, cuts, gains, roots, nodes, values }: Forest): void {
  const fits = leafSize === 1 || leafSize === scores
  const ascending = cuts.every((inputCuts) =>
    inputCuts.every((cut, i) => (i === 0 ? !Number.isNaN(cut) : cut > inputCuts[i - 1])),
  )
  const finite = values.every(Number.isFinite) && gains.every((gain) => gain >= 0)
  if (!fits || !ascending || !finite || cuts.some(({ length }) => length > CUTS_MAX + 1)) {
    throw new Error('has numbers that no forest has')
  }
  for (let tree = 0; tree < roots.length; tree++) {
    const end = tree + 1 < roots.length ? roots[tree + 1] : nodes.length / 2
    if (roots[0] !== 0 || roots[tree] >= end) {
      throw new Error(`has no nodes in tree ${tree}`)
    }
    for (let node = roots[tree]; node < end; node++) {
      const [word, next] = [nodes[2 * node], nodes[2 * node + 1]]
      const good =
        word === LEAF_WORD
          ? next < values.length / leafSize
          : next > node && next + 1 < end && isTest(word, cuts)
      if (!good) throw new Error(`has a node ${node} that leads nowhere`)
    }
  }
}

function isTest(word: number, cuts: readonly Float32Array[]): boolean {
  const [input, threshold] = [word >>> 9, word & 0xff]
  return input < cuts.length && threshold >= 1 && threshold <= cuts[input].length
}

function swapWhereBigEndian<T extends ArrayBuffer>(bytes: Uint8Array<T>): Uint8Array<T>
function swapWhereBigEndian(bytes: Uint8Array): Uint8Array {
  if (endianness() === 'BE') Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap32()
  return bytes
}
