/** Fits whose normal equations lose digits, compared with results in 60- to 110-digit arithmetic. */

import { readFileSync } from 'node:fs'
import { expression } from 'antigrad'
import { type FitOptions, fit as fitOne, profile } from 'antigrad/fit'
import { expect, test } from 'vitest'
import { inBits } from '../helpers.js'
import { variants } from '../support.js'

interface Hard {
  readonly name: string
  readonly model: string
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly sigma?: readonly number[]
  readonly start: Readonly<Record<string, number>>
  readonly values: Readonly<Record<string, number>>
  readonly errors: Readonly<Record<string, number>>
  /** Errors of linear models with known σ. */
  readonly errorsKnownSigma?: Readonly<Record<string, number>>
  /** Relative errors of a QR solution in float64. */
  readonly reached: {
    readonly values: number
    readonly inErrors: number
    readonly errors: number
    readonly condition: number
  }
}

const { cases } = JSON.parse(readFileSync(new URL('../data/fits-hard.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Hard[]
}

/** The condition number beyond which float64 leaves no digits. */
const HOPELESS = 1e14
/** The allowed factor over the errors of QR, because rounding differs. */
const ALLOWED = 30

const isLinear = ({ errorsKnownSigma }: Hard) => errorsKnownSigma !== undefined

const fitted = ({ model, x, y, sigma, start }: Hard, options: FitOptions) =>
  fitOne(expression(model), { x, y }, { y: 'y', start, ...(sigma && { sigma }), ...options })

/** The largest relative difference. */
const off = (found: Readonly<Record<string, number>>, wanted: Readonly<Record<string, number>>) =>
  Math.max(...Object.entries(wanted).map(([name, x]) => Math.abs(found[name] / x - 1)))

test('the ill-conditioned cases are 21 fits, including three with a condition number of at least 1e16', () => {
  expect(cases).toHaveLength(21)
  expect(cases.filter(({ reached }) => reached.condition >= 1e16)).toHaveLength(3)
})

function expectDigits(hard: Hard, options: FitOptions): void {
  const one = fitted(hard, options)
  const { values, errors, errorsKnownSigma, reached } = hard
  if (reached.condition >= HOPELESS && one.reason === 'singular') {
    expect(Object.values(one.errors).every(Number.isNaN)).toBe(true)
    return
  }
  const most = ALLOWED * Math.max(reached.values, 2.2e-16 * reached.condition)
  expect(one.reason).toBe('converged')
  expect(off(one.values, values), 'values').toBeLessThanOrEqual(most)
  const inErrors = Object.entries(values).map(([name, x]) => Math.abs(one.values[name] - x) / errors[name])
  expect(Math.max(...inErrors), 'values in errors').toBeLessThanOrEqual(ALLOWED * reached.inErrors)
  // Errors have fewer digits if the data are fitted to 1e-8.
  const mostOfErrors = Math.max(most, ALLOWED * reached.errors)
  expect(off(one.errors, errors), 'errors').toBeLessThanOrEqual(mostOfErrors)
  if (errorsKnownSigma === undefined) return
  const known = fitted(hard, { ...options, absoluteSigma: true })
  expect(off(known.errors, errorsKnownSigma), 'errors of known σ').toBeLessThanOrEqual(mostOfErrors)
}

test.each(cases.filter(isLinear))(
  'the ill-conditioned fit is almost as accurate as a QR decomposition at the default tolerance: $name',
  (hard) => {
    expectDigits(hard, {})
  },
)

test.each(cases)(
  'the ill-conditioned fit is almost as accurate as a QR decomposition at the tolerance 1e-14: $name',
  (hard) => expectDigits(hard, { tolerance: 1e-14 }),
)

test.each(cases.filter((hard) => !isLinear(hard)))(
  'the nonlinear ill-conditioned fit has accurate values and standard errors at the default tolerance: $name',
  (hard) => {
    const one = fitted(hard, {})
    expect(one.reason).toBe('converged')
    const most = ALLOWED * Math.max(hard.reached.values, 2.2e-16 * hard.reached.condition)
    expect(off(one.values, hard.values)).toBeLessThanOrEqual(most)
    // The errors belong to the point before the last one.
    expect(off(one.errors, hard.errors)).toBeLessThan(1e-7)
  },
)

/** For linear models, profile intervals are value ± t·error. */
test.each(cases.filter(isLinear))(
  'the ill-conditioned linear fit has the profile intervals that linear theory predicts: $name',
  (hard) => {
    for (const absoluteSigma of [false, true]) {
      const one = fitted(hard, { absoluteSigma })
      const profiles = profile(one)
      if (hard.reached.condition >= HOPELESS && one.reason === 'singular') {
        const reasons = Object.values(profiles).flatMap(({ lowReason, highReason }) => [
          lowReason,
          highReason,
        ])
        expect(new Set(reasons)).toEqual(new Set(['flat']))
        continue
      }
      const wanted = absoluteSigma ? hard.errorsKnownSigma : hard.errors
      const most =
        ALLOWED * Math.max(hard.reached.values, hard.reached.errors, 2.2e-16 * hard.reached.condition)
      for (const [name, [low, high]] of Object.entries(one.intervals())) {
        const { lowReason, highReason, ...ends } = profiles[name]
        expect([lowReason, highReason], name).toEqual(['found', 'found'])
        const half = ((high - low) / 2 / one.errors[name]) * (wanted as typeof hard.errors)[name]
        const value = hard.values[name]
        const off = Math.max(Math.abs(ends.low - (value - half)), Math.abs(ends.high - (value + half))) / half
        expect(off, name).toBeLessThanOrEqual(Math.max(most, 1e-6))
      }
    }
  },
)

test('ill-conditioned fits are bit-identical on every engine and instruction set', () => {
  for (const hard of cases) {
    const all = variants.map(({ name: _, ...options }) => {
      const { values, errors, covariance, chiSquared, evaluations, reason } = fitted(hard, options)
      return inBits({ values, errors, covariance, chiSquared, evaluations, reason })
    })
    expect(new Set(all).size, hard.name).toBe(1)
  }
})
