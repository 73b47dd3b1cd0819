/**
 * Profiles whose parameter passes 0 while the model stays smooth and other parameters change from one infinity to the
 * other. A decay does so where it becomes a line. Each endpoint is compared with fits in which the parameter is fixed,
 * which need no profile.
 */

import { expression } from 'antigrad'
import {
  fitManySync,
  fit as fitOne,
  fitReasons,
  fitSharedSync,
  profile,
  profileEndReasons,
  profileSync,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'
import { waysToRun } from '../support.js'

/** The 95% quantile of F(1, n) by n. */
const F: Readonly<Record<number, number>> = { 2: 18.51282051282051, 5: 6.607890973703365 }

interface Family {
  readonly model: string
  readonly of: string
  readonly from: number
  /** The other parameters if the profiled one is almost 0. */
  readonly others: (of: number, at: number) => Readonly<Record<string, number>>
  readonly curve: (x: number, p: Readonly<Record<string, number>>) => number
}

const { exp, expm1, log, atan, tanh } = Math
const families: readonly Family[] = [
  {
    ...{ model: 'a*exp(-k*x) + c', of: 'k', from: 0 },
    others: (k, c) => ({ a: 0.6 / k, c }),
    curve: (x, { a, k, c }) => a * exp(-k * x) + c,
  },
  {
    ...{ model: 'b1*(1 - exp(-b2*x))', of: 'b2', from: 0.5 },
    others: (b2) => ({ b1: 0.5 / b2 }),
    curve: (x, { b1, b2 }) => -b1 * expm1(-b2 * x),
  },
  {
    ...{ model: 'a*x^b + c', of: 'b', from: 1 },
    others: (b, c) => ({ a: 0.5 / b, c }),
    curve: (x, { a, b, c }) => a * x ** b + c,
  },
  {
    // Other parameters diverge like 1/k².
    ...{ model: 'a*exp(k*x) + b + c*x', of: 'k', from: 0 },
    others: (k) => ({ a: 0.3 / (k * k), b: -0.3 / (k * k), c: -0.3 / k }),
    curve: (x, { a, k, b, c }) => a * exp(k * x) + b + c * x,
  },
  {
    ...{ model: 'a*log(1 + b*x/2)', of: 'b', from: 0.5 },
    others: (b) => ({ a: 1.2 / b }),
    curve: (x, { a, b }) => a * log(1 + (b * x) / 2),
  },
  {
    ...{ model: 'a*atan(b*x + 0.5) + c', of: 'b', from: 0.5 },
    others: (b, c) => ({ a: 0.6 / b, c }),
    curve: (x, { a, b, c }) => a * atan(b * x + 0.5) + c,
  },
  {
    ...{ model: 'a*tanh(b*x + 0.3) + c', of: 'b', from: 0 },
    others: (b, c) => ({ a: 0.6 / b, c }),
    curve: (x, { a, b, c }) => a * tanh(b * x + 0.3) + c,
  },
  {
    // No parameter diverges.
    ...{ model: 'a*x/(1 + b*x)', of: 'b', from: 0.5 },
    others: (_, at) => ({ a: 1.5 + at }),
    curve: (x, { a, b }) => (a * x) / (1 + b * x),
  },
]

const SETS = 20

describe.each(families)('a profile interval of the model $model', ({ model, of, from, others, curve }) => {
  test.each([2, 5])(
    'ends near 0 where constrained fits reach the χ² threshold, with %d degrees of freedom',
    (freedom) => {
      const next = random(freedom)
      const normal = () => Math.sqrt(-2 * log(1 - next())) * Math.cos(2 * Math.PI * next())
      const truths = Array.from({ length: SETS }, () => {
        const value = 0.25 * (2 * next() - 1)
        return { [of]: value, ...others(value, 2 * next() - 1) }
      })
      const rows = Object.keys(truths[0]).length + freedom
      const x = Array.from({ length: rows }, (_, row) => from + ((5 - from) * row) / (rows - 1))
      const y = truths.map((truth) => {
        const noise = 10 ** (-2 + 1.5 * next())
        return x.map((at) => curve(at, truth) + noise * normal())
      })
      const start = Object.fromEntries(
        Object.keys(truths[0]).map((name) => [name, truths.map((truth) => truth[name])]),
      )
      const fits = fitManySync(expression(model), { x, y }, { start })
      const { low, high, lowReason, highReason } = profileSync(fits, of)[of]
      const value = fits.values[of as never] as Float64Array
      /**
       * χ² of fits with the parameter fixed at a fraction of the way to the endpoint. Other parameters start on the same
       * side of 0.
       */
      const held = (end: Float64Array, part: number) => {
        const at = value.map((x, fit) => (Number.isFinite(end[fit]) ? x + part * (end[fit] - x) : x))
        const begin = Object.keys(start).map((name) => {
          if (name === of) return [name, { start: at, fixed: true }]
          const found = fits.values[name as never] as Float64Array
          return [name, found.map((x, fit) => (at[fit] * value[fit] < 0 ? -x : x))]
        })
        const options = { start: Object.fromEntries(begin), tolerance: 1e-13, maxIterations: 1000 }
        return fitManySync(expression(model), { x, y }, options).chiSquared
      }
      let [finite, beyond] = [0, 0]
      for (const [end, reason] of [
        [low, lowReason],
        [high, highReason],
      ] as const) {
        const there = held(end, 1)
        const between = [0.2, 0.5, 0.8, 0.99].map((part) => held(end, part))
        for (let fit = 0; fit < SETS; fit++) {
          if (fitReasons[fits.reason[fit]] !== 'converged') continue
          const why = profileEndReasons[reason[fit]]
          const key = `set ${fit}: ${value[fit]} to ${end[fit]}`
          expect(['found', 'unbounded', 'lower-minimum'], key).toContain(why)
          if (why !== 'found') continue
          const least = fits.chiSquared[fit]
          const rise = (least * F[freedom]) / freedom
          expect(Math.abs(there[fit] - least - rise) / rise, key).toBeLessThan(1e-5)
          for (const chiSquared of between)
            expect(chiSquared[fit], key).toBeLessThan(least + rise * (1 + 1e-6))
          finite++
          if (end[fit] * value[fit] < 0) beyond++
        }
      }
      expect(finite).toBeGreaterThan(SETS)
      expect(beyond).toBeGreaterThan(0)
    },
  )
})

const data = { x: [0, 0.5, 1, 2, 3, 5], y: [3.44947, 2.78157, 2.08174, 1.78019, 0.532067, 0.7831] }
const start = { a: 3, k: 0.5, c: 0.5 }

test('the profile of a decay rate passes through 0, as in lmfit, MINOS and a shared fit', () => {
  const decay = expression('a*exp(-k*x) + c')
  const { k } = profile(fitOne(decay, data, { start }), 'k')
  expect([k.lowReason, k.highReason]).toEqual(['found', 'found'])
  expect(k.low).toBeCloseTo(-0.10693892, 7)
  const shared = profileSync(
    fitSharedSync(decay, { x: [data.x], y: [data.y] }, { start, shared: ['k'] }),
    'k',
  )
  expect(Math.abs(k.low - shared.low)).toBeLessThan(1e-6 * (k.high - k.low))
  expect(Math.abs(k.high - shared.high)).toBeLessThan(1e-6 * (k.high - k.low))
  const [first, ...rest] = waysToRun().map((way) =>
    inBits(profile(fitOne(decay, data, { start, ...way }), 'k')),
  )
  for (const bits of rest) expect(bits).toEqual(first)
})

test('a bound at or below 0 can end a profile that passes through 0', () => {
  const bounded = (min: number) =>
    profile(fitOne(expression('a*exp(-k*x) + c'), data, { start: { ...start, k: { start: 0.5, min } } }), 'k')
      .k
  expect(bounded(0)).toMatchObject({ low: 0, lowReason: 'bound' })
  expect(bounded(-0.05)).toMatchObject({ low: -0.05, lowReason: 'bound' })
  expect(bounded(-1).low).toBeCloseTo(-0.10693892, 7)
})

test('a profile ends at 0 if negative values describe the same curves as positive values', () => {
  const { x } = data
  const y = [0.05, 0.29, 0.71, 1.12, 1.93, 2.7]
  const found = fitOne(expression('a*sin(w*x)'), { x, y }, { start: { a: 5, w: 0.1 } })
  const { w } = profile(found, 'w')
  expect([w.low, w.lowReason, w.highReason]).toEqual([0, 'domain-limit', 'found'])
})
