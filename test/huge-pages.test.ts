/** Huge pages: large arenas request huge pages early enough, and small arenas request none. */

import { readFileSync } from 'node:fs'
import { adam, engines, Optimizer } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { engineNames } from './helpers.js'

const MIB = 1 << 20
/** Optimizers whose memory must not be collected between two measurements. */
const alive: unknown[] = []

/** The bytes of the process for which huge pages were requested (`hg` in the flags of the mapping). */
function asked(): number {
  let [bytes, size] = [0, 0]
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const [, kilobytes] = /^Size: +(\d+) kB/.exec(line) ?? []
    if (kilobytes !== undefined) size = Number(kilobytes) * 1024
    if (/^VmFlags:.* hg\b/.test(line)) bytes += size
  }
  return bytes
}

describe.runIf(process.platform === 'linux' && engines().native.available)('an arena of 16 MiB', () => {
  test.each(engineNames)('requests huge pages for the whole arena on the engine %s', (engine) => {
    const before = asked()
    const gradient = new Float32Array(MIB).fill(0.5)
    const large = new Optimizer(new Float32Array(MIB), adam(), { engine })
    const after = asked()
    expect(after - before).toBeGreaterThanOrEqual(16 * MIB)
    expect(after - before).toBeLessThan(17 * MIB)
    const small = new Optimizer(new Float32Array(MIB / 8), adam(), { engine })
    alive.push(large, small)
    large.step(gradient)
    small.step()
    expect(asked()).toBe(after)
    expect(large.params[MIB - 1]).toBeCloseTo(-1e-3, 9)
  })
})
