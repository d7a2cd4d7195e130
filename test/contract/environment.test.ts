import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEnvironment } from '../../src/journal/environment.ts'
import { SimulatedDisk, SimulatedEnvironment } from '../simulation/disk.ts'
import type { DiskControl } from '../simulation/disk.ts'
import { environmentSuite } from './environment-suite.ts'

environmentSuite('LMDB', () => {
  const path = mkdtempSync(join(tmpdir(), 'limn-environment-'))
  return {
    open: () => openEnvironment(path, { readOnly: false }),
    remove: () => rmSync(path, { recursive: true }),
  }
})

/** A disk that works as soon as it can. */
const promptly: DiskControl = {
  called: () => true,
  nextCommit: () => ({ count: 1, fails: false }),
  later: (_what, work) => setImmediate(work),
  changedInFlight: () => undefined,
  queued: () => undefined,
  durable: () => undefined,
}

environmentSuite('a simulated disk', () => {
  const disk = new SimulatedDisk()
  return {
    open: () => new SimulatedEnvironment(disk, promptly),
    remove: () => undefined,
  }
})
