/**
 * Fisher's F, Student's t, the normal and the χ² distribution, compared with 60 digits of mpmath (betainc and
 * gammainc).
 */

import { expression } from 'antigrad'
import { fit as fitOne } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { fProbability, fSurvival } from '../../dist/fits/uncertainty/f-distribution.js'
import { studentQuantile } from '../../dist/fits/uncertainty/student-t.js'

/** P(F > f) for f and both degrees of freedom; if the denominator is ∞, P(χ² > numerator·f). */
const tails = [
  [0.001, 1, 1, 0.9798750216963559],
  [2.5, 1, 1, 0.3590170359713761],
  [4.1, 1, 2, 0.18016395081639425],
  [0.5, 3, 7, 0.6940363875688137],
  [3.2, 2, 5, 0.1273980798962223],
  [12, 1, 17, 0.002966083559195866],
  [7.5, 5, 30, 0.00011454463102219123],
  [60, 2, 17, 1.9801177227852204e-8],
  [3.9, 4, 999, 0.0037774879091778276],
  [4.5, 16, 1000, 9.942075300405967e-9],
  [500, 3, 1000, 2.097130800882905e-198],
  [3.84, 1, 123456, 0.05004576789541065],
  [1.25, 7, 123456, 0.27111695417339654],
  [0.5, 1, Infinity, 0.4795001221869535],
  [3.84, 1, Infinity, 0.0500435212487051],
  [12, 1, Infinity, 0.0005320055051392497],
  [4, 2, Infinity, 0.01831563888873418],
  [60, 3, Infinity, 8.819945436737089e-39],
  [500, 1, Infinity, 9.505397766554091e-111],
  [1.5, 16, Infinity, 0.08950449684017583],
] as const

describe('a tail probability of the F distribution', () => {
  test('has at least twelve correct digits, even if the probability is tiny', () => {
    for (const [f, above, below, p] of tails) {
      expect(Math.abs(fSurvival(f, above, below) / p - 1), `${f} ${above} ${below}`).toBeLessThan(2e-13)
    }
  })

  test('is 1 at 0, 0 at infinity, and decreases in between', () => {
    for (const above of [1, 2, 5, 16]) {
      for (const below of [1, 2, 31, 1e6, Infinity]) {
        expect([-1, 0, Infinity].map((f) => fSurvival(f, above, below))).toEqual([1, 1, 0])
        expect(fSurvival(Number.NaN, above, below)).toBeNaN()
        expect(fSurvival(Number.MIN_VALUE, above, below)).toBeCloseTo(1, 14)
        expect(fSurvival(Number.MAX_VALUE, above, below)).toBeCloseTo(0, 14)
        const along = Array.from({ length: 200 }, (_, k) => fSurvival(1.15 ** (k - 100), above, below))
        for (let k = 1; k < along.length; k++) {
          expect(along[k]).toBeLessThanOrEqual(along[k - 1] * (1 + 1e-13))
        }
      }
    }
  })

  test('equals a two-sided probability of the t distribution for one numerator degree of freedom', () => {
    for (const f of [1e-9, 0.1, 3.9, 4, 4.1, 30]) {
      for (const below of [1, 4, 2000, Infinity]) {
        expect(fProbability(f, below) + fSurvival(f, 1, below)).toBeCloseTo(1, 14)
      }
    }
  })
})

describe('the quantile of the t distribution', () => {
  test('has full precision, even for more than 1000 degrees of freedom', () => {
    expect(studentQuantile(0.95, 1001)).toBeCloseTo(1.96233670528088, 13)
    expect(studentQuantile(0.999, 5000)).toBeCloseTo(3.2924737233708514, 13)
    expect(studentQuantile(0.95, Infinity)).toBeCloseTo(1.9599639845400543, 13)
  })

  test('determines the confidence intervals of a fit', () => {
    const x = Array.from({ length: 1002 }, (_, k) => k)
    const y = x.map((at) => 2 * at + (at % 2))
    const found = fitOne(expression('a*x'), { x, y }, { start: { a: 1 } })
    const { values, errors, degreesOfFreedom } = found
    expect(degreesOfFreedom).toBe(1001)
    expect((found.intervals().a[1] - values.a) / errors.a).toBeCloseTo(1.96233670528088, 9)
  })
})
