import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Document } from 'yaml'
import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml'
import { LimnError } from '../protocol/errors.ts'
import type { Fault, Path } from './validation.ts'

const CONFIG_BYTES_MAX = 4 * 1_048_576

/** A configuration file as a value, which knows where each part of it stands. */
export class YamlFile {
  /** As errors show it: relative to the working directory where it lies below. */
  readonly shownPath: string
  readonly value: unknown
  private readonly document: Document
  private readonly lines: LineCounter

  /** Throws `ERR_CONFIG_UNREADABLE`, or `ERR_CONFIG_INVALID` for what is not YAML. */
  constructor(path: string) {
    this.shownPath = shownPath(path)
    const text = readText(path, this.shownPath)
    this.lines = new LineCounter()
    this.document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false })
    const [error] = this.document.errors
    if (error !== undefined) {
      const { line, col } = this.lines.linePos(error.pos[0])
      const message = `${this.shownPath}:${line}:${col}: ${error.message}`
      throw new LimnError('ERR_CONFIG_INVALID', message)
    }
    this.value = this.toValue()
  }

  /** `file:line:column` of the key or value at the path, or of the nearest part that exists. */
  position(path: Path, of: 'key' | 'value'): string {
    const offset = this.offset(path, of)
    const { line, col } = this.lines.linePos(offset)
    return `${this.shownPath}:${Math.max(1, line)}:${Math.max(1, col)}`
  }

  /** The fault as one line: position, path, message. */
  describe(fault: Fault): string {
    const path = fault.path.length === 0 ? '' : ` ${fault.path.join('.')}:`
    return `${this.position(fault.path, fault.of)}:${path} ${fault.message}`
  }

  /** Throws `ERR_CONFIG_INVALID` with a line for each fault, if there is any. */
  refuse(faults: readonly Fault[]): void {
    refuseFaults(faults.map((fault) => this.describe(fault)))
  }

  private toValue(): unknown {
    try {
      return this.document.toJS()
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new LimnError('ERR_CONFIG_INVALID', `${this.shownPath}:1:1: ${reason}`, { cause })
    }
  }

  private offset(path: Path, of: 'key' | 'value'): number {
    for (let length = path.length; length > 0; length--) {
      const at = path.slice(0, length)
      const wanted = length === path.length ? of : 'key'
      const found = wanted === 'key' ? (this.key(at) ?? this.node(at)) : this.node(at)
      if (isNode(found) && found.range) return found.range[0]
    }
    const root: unknown = this.document.contents
    return isNode(root) && root.range ? root.range[0] : 0
  }

  private node(path: Path): unknown {
    let node: unknown = this.document.contents
    for (const key of path) {
      if (isMap(node)) node = this.pair(node, key)?.value
      else node = isCollection(node) ? node.get(key, true) : undefined
    }
    return node
  }

  private key(path: Path): unknown {
    const parent = this.node(path.slice(0, -1))
    return isMap(parent) ? this.pair(parent, path[path.length - 1])?.key : undefined
  }

  private pair(map: { readonly items: readonly PairNode[] }, key: string | number) {
    return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(key))
  }
}

interface PairNode {
  readonly key: unknown
  readonly value: unknown
}

interface CollectionNode {
  get(key: unknown, keepScalar: true): unknown
}

/** Throws `ERR_CONFIG_INVALID` with all lines, if there are any. */
export function refuseFaults(lines: readonly string[]): void {
  if (lines.length > 0) throw new LimnError('ERR_CONFIG_INVALID', lines.join('\n'))
}

function isCollection(node: unknown): node is CollectionNode {
  return typeof node === 'object' && node !== null && 'get' in node
}

function shownPath(path: string): string {
  const shown = relative(process.cwd(), path)
  return shown === '' || shown.startsWith('..') ? path : shown
}

function readText(path: string, shown: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LimnError('ERR_CONFIG_UNREADABLE', `${shown}: ${reason}`, { cause })
  }
  if (bytes.length > CONFIG_BYTES_MAX) {
    const message = `${shown}: found ${bytes.length} bytes; allowed: at most ${CONFIG_BYTES_MAX}`
    throw new LimnError('ERR_CONFIG_INVALID', message)
  }
  return bytes.toString('utf8')
}
