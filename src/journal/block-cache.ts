import type { Block } from './block.ts'

/** Blocks that are kept, unless it is said otherwise. */
export const CACHED_BLOCKS = 64

/**
 * Decoded blocks for walks along a chain, the one read last first. Owns the memory that they lie in and
 * uses it again: what is taken from a block is valid until the next read.
 *
 * Memory of its own for each block read would be so much for whoever reads long histories that the
 * collector of garbage runs all the time, with helpers that want the cores.
 */
export class BlockCache {
  private readonly capacity: number
  private readonly kept: { block: Block; readonly memory: Uint8Array<ArrayBuffer> }[] = []

  constructor(capacity: number) {
    this.capacity = capacity
  }

  find(sequence: number): Block | null {
    const { kept } = this
    for (let i = 0; i < kept.length; i++) if (holds(kept[i].block, sequence)) return kept[i].block
    return null
  }

  /** Copies a block's bytes, decodes the copy and keeps it in place of the one read longest ago. */
  keep(value: Uint8Array, decode: (copy: Uint8Array) => Block): Block {
    const oldest = this.kept.length < this.capacity ? undefined : this.kept.pop()
    const fits = oldest !== undefined && oldest.memory.length >= value.length
    const memory = fits ? oldest.memory : new Uint8Array(roomFor(value.length))
    memory.set(value)
    const block = decode(memory.subarray(0, value.length))
    this.kept.unshift({ block, memory })
    return block
  }

  clear(): void {
    this.kept.length = 0
  }
}

/** Whether the block has the record of this sequence. */
export function holds(block: Block, sequence: number): boolean {
  return sequence >= block.firstSequence && sequence < block.firstSequence + block.count
}

const ROOM_LEAST = 4096

/** A power of two, so that most blocks fit where another was. */
function roomFor(bytes: number): number {
  return Math.max(ROOM_LEAST, 2 ** Math.ceil(Math.log2(bytes)))
}
