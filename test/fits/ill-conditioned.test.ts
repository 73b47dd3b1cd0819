/** Fits where normal equations lose digits, against what is known of them from arithmetic of 60 to 110 digits. */

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
  /** Those of known σ, of linear models. */
  readonly errorsKnownSigma?: Readonly<Record<string, number>>
  /** Relative errors that QR in float64 reaches. */
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

/** A condition beyond which float64 leaves no digits. */
const HOPELESS = 1e14
/** So many times what QR reaches, with other roundings, may be reached here. */
const ALLOWED = 30

const isLinear = ({ errorsKnownSigma }: Hard) => errorsKnownSigma !== undefined

const fitted = ({ model, x, y, sigma, start }: Hard, options: FitOptions) =>
  fitOne(expression(model), { x, y }, { y: 'y', start, ...(sigma && { sigma }), ...options })

/** The largest relative difference. */
const off = (found: Readonly<Record<string, number>>, wanted: Readonly<Record<string, number>>) =>
  Math.max(...Object.entries(wanted).map(([name, x]) => Math.abs(found[name] / x - 1)))

test('there are 21 cases, three of which leave no digits', () => {
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
  // Those of data that are met to 1e-8 have fewer digits.
  const mostOfErrors = Math.max(most, ALLOWED * reached.errors)
  expect(off(one.errors, errors), 'errors').toBeLessThanOrEqual(mostOfErrors)
  if (errorsKnownSigma === undefined) return
  const known = fitted(hard, { ...options, absoluteSigma: true })
  expect(off(known.errors, errorsKnownSigma), 'errors of known σ').toBeLessThanOrEqual(mostOfErrors)
}

test.each(cases.filter(isLinear))('$name: all digits at the default tolerance', (hard) => {
  expectDigits(hard, {})
})

test.each(cases)('$name: all digits at 1e-14', (hard) => expectDigits(hard, { tolerance: 1e-14 }))

test.each(cases.filter((hard) => !isLinear(hard)))(
  '$name: all digits of values at the default tolerance, and most of errors',
  (hard) => {
    const one = fitted(hard, {})
    expect(one.reason).toBe('converged')
    const most = ALLOWED * Math.max(hard.reached.values, 2.2e-16 * hard.reached.condition)
    expect(off(one.values, hard.values)).toBeLessThanOrEqual(most)
    // These are of the last point but one.
    expect(off(one.errors, hard.errors)).toBeLessThan(1e-7)
  },
)

/** What a line through the parameter's estimate says: of linear models profiles are value ± t·error. */
test.each(cases.filter(isLinear))('$name: profiles are those of linear theory', (hard) => {
  for (const absoluteSigma of [false, true]) {
    const one = fitted(hard, { absoluteSigma })
    const profiles = profile(one)
    if (hard.reached.condition >= HOPELESS && one.reason === 'singular') {
      const reasons = Object.values(profiles).flatMap(({ lowReason, highReason }) => [lowReason, highReason])
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
})

test('has the same bits on every engine and instruction set', () => {
  for (const hard of cases) {
    const all = variants.map(({ name: _, ...options }) => {
      const { values, errors, covariance, chiSquared, evaluations, reason } = fitted(hard, options)
      return inBits({ values, errors, covariance, chiSquared, evaluations, reason })
    })
    expect(new Set(all).size, hard.name).toBe(1)
  }
})
