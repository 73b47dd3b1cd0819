/** A step of two parameters keeps its speed. The test measures time, and must run alone. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compileAtOnce } from '../../bench/lib/node-flags.mjs'
import { home } from '../children.js'

/**
 * The maximum ratio to the plain loop: 4.22, the median of ten runs, plus 15%. Lower the maximum when steps become
 * faster. docs/performance.md lists the measurements and the processors.
 */
const LIMIT = 4.9

test('a step of two parameters takes at most a fixed multiple of the time of a plain float64 loop', {
  retry: 1,
}, () => {
  const program = join(home, 'test/timing/smallest-step.mjs')
  const { stdout, stderr } = spawnSync(process.execPath, [...compileAtOnce, program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const { step, loop, params, theta } = JSON.parse(stdout)
  // The loop computes the same parameters.
  for (const k of [0, 1]) expect(theta[k]).toBeCloseTo(params[k], 6)
  expect(step / loop, `${step} and ${loop} ns`).toBeLessThan(LIMIT)
})
