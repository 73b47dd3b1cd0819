/**
 * Endpoints of steep dose-response curves, whose profiles have several branches and jump at doses. The expected values
 * are results of test/data/profile-jumps.py, which scans all slopes.
 */

import { readFileSync } from 'node:fs'
import { fit as fitOne, models, profile } from 'antigrad/fit'
import { expect, test } from 'vitest'

interface JumpCase {
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly chiSquared: number
  readonly ec50: number
  /** Lower and upper endpoint, or null for an endpoint at more than a factor of 1,000. */
  readonly ends: readonly [number | null, number | null]
}

const cases: readonly JumpCase[] = JSON.parse(
  readFileSync(new URL('../data/profile-jumps.json', import.meta.url), 'utf8'),
)

test.each(cases.map((one, k) => [k, one] as const))(
  'the profile of ec50 ends where the lowest branch reaches the threshold or jumps: set %i',
  (_, { x, y, chiSquared, ec50, ends }) => {
    const found = fitOne(models.fourPL(), { x, y })
    expect(found.chiSquared / chiSquared).toBeCloseTo(1, 6)
    expect(found.values.ec50 / ec50).toBeCloseTo(1, 4)
    const { low, high } = profile(found, 'ec50').ec50
    for (const [end, expected] of [
      [low, ends[0]],
      [high, ends[1]],
    ] as const) {
      if (expected === null) expect(end === 0 || end === Infinity || end > 1000 * ec50).toBe(true)
      else expect(end / expected).toBeCloseTo(1, 6)
    }
  },
)
