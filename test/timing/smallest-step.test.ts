/** A step of two parameters stays as quick as it is: a test that measures, and is to run alone. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compileAtOnce } from '../../bench/lib/node-flags.mjs'
import { home } from '../children.js'

/**
 * How many times as long as the plain loop it may take: 4.22, the median of ten runs, and 15 %. Whoever makes a
 * step quicker lowers it. docs/performance.md has what was measured, and on which processor.
 */
const LIMIT = 4.9

test('a step of two parameters to a plain loop in float64 with its own clock', { retry: 1 }, () => {
  const program = join(home, 'test/timing/smallest-step.mjs')
  const { stdout, stderr } = spawnSync(process.execPath, [...compileAtOnce, program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const { step, loop, params, theta } = JSON.parse(stdout)
  // The loop does what it is compared for.
  for (const k of [0, 1]) expect(theta[k]).toBeCloseTo(params[k], 6)
  expect(step / loop, `${step} and ${loop} ns`).toBeLessThan(LIMIT)
})
