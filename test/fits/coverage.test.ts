/**
 * Coverage of profile intervals: the short form of `npm run bench:coverage`. A truth lies inside an interval if χ² of a
 * fit with the parameter fixed at the truth is below the threshold, which needs no profile.
 */

import { expression } from 'antigrad'
import { fitManySync } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import {
  cases,
  coverageOf,
  fitted,
  hasConverged,
  isInside,
  sigmaOf,
  simulate,
} from '../../bench/lib/coverage.mjs'

const SETS = 400
/** The 95% quantile of χ² with one degree of freedom, and of F(1, n) by n. */
const RISE = 3.841458820694124
const F: Readonly<Record<number, number>> = {
  6: 5.987377607273699,
  8: 5.317655071578714,
  14: 4.600109936669422,
}

describe.each(cases)('for the model $name,', (one) => {
  const y = simulate(one, SETS)
  const ours = fitted(one, y)

  test('χ² at the true value decides whether a profile interval contains the value', () => {
    const { model, of, x, isKnown } = one
    const truth: Readonly<Record<string, number>> = one.truth
    const sigma = sigmaOf(one)
    const start = { ...truth, [of]: { start: truth[of], fixed: true } }
    const errors = sigma === undefined ? { loss: 'poisson' as const } : { sigma }
    const held = fitManySync(expression(model), { x, y }, { start, ...errors })
    const freedom = x.length - Object.keys(truth).length
    let others = 0
    for (let fit = 0; fit < SETS; fit++) {
      if (!hasConverged(ours.fits, fit)) continue
      const least = ours.fits.chiSquared[fit]
      const limit = isKnown ? least + RISE : least * (1 + F[freedom] / freedom)
      const { low, high } = ours.profile
      if (isInside(truth[of], low[fit], high[fit]) !== held.chiSquared[fit] <= limit) others++
    }
    expect(others).toBeLessThanOrEqual(1)
  })

  test('profile intervals contain the true value in at least nine of ten data sets', () => {
    const { wald, profile, failed } = coverageOf(one, ours)
    expect(failed).toBeLessThan(SETS / 50)
    // Three standard deviations for 400 draws.
    expect(Math.abs(profile - 0.95)).toBeLessThan(3 * Math.sqrt((0.95 * 0.05) / SETS))
    if (['km', 'b1', 'ec50'].includes(one.of)) expect(wald).toBeLessThan(profile - 0.02)
  })
})
