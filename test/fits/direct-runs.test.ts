/** One or two fits in a call, whose diagnostics run in TypeScript and whose columns are the results. */

import { expression } from 'antigrad'
import { type Fit, type FitManyOptions, fitManySync, fit as fitOne, models } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'

const next = random(7)
const t = Array.from({ length: 30 }, (_, k) => k / 6)
const model = expression('a*exp(-b*t) + c')
const curve = (b: number, noise: number) => t.map((x) => 3 * Math.exp(-b * x) + 1 + noise * (next() - 0.5))
const lists = [
  ...[curve(0.5, 0.2), curve(1, 0.01), curve(2, 1), t.map(() => 1), t.map(() => 0)],
  ...[t.map((_, k) => (k === 3 ? NaN : 1)), t.map(() => 1e200), t.map((x) => x), curve(0.8, 0)],
]

/** All numbers of a fit, to the bit. */
function bitsOf(found: Fit<string>) {
  const { values, errors, chiSquared, aic, reducedChiSquared, covariance, evaluations, starts } = found
  const { reason, atBound, unidentifiable, message } = found
  const numbers = [...Object.values(values), ...Object.values(errors), ...covariance.flat()] as number[]
  return [
    inBits([...numbers, chiSquared, aic, reducedChiSquared, evaluations, starts]),
    ...[reason, atBound, unidentifiable, message],
  ]
}

const cases: Record<string, FitManyOptions> = {
  'free parameters': { start: { a: 1, b: 1, c: 0 } },
  bounds: { start: { a: { start: 1, max: 2.5 }, b: { start: 1, min: 0.7 }, c: 0 } },
  'positive parameters': {
    start: { a: { start: 1, positive: true }, b: 1, c: { start: 1, positive: true } },
  },
  'a fixed parameter': { start: { a: 1, b: 1, c: { start: 1, fixed: true } } },
  'a robust loss': { start: { a: 1, b: 1, c: 0 }, loss: 'cauchy', lossScale: 0.1 },
  'full precision': { start: { a: 1, b: 1, c: 0 }, tolerance: 1e-15 },
  'few iterations': { start: { a: 1, b: 1, c: 0 }, maxIterations: 3 },
  'weights and known errors': {
    start: { a: 1, b: 1, c: 0 },
    weights: t.map((_, k) => k % 4),
    absoluteSigma: true,
  },
}

describe.each(['native', 'wasm', 'typescript'] as const)(
  'on the engine %s, fits of one data set',
  (engine) => {
    test.each(Object.entries(cases))('have the bits of fits of many data sets, with %s', (_, given) => {
      const options = { ...given, engine } as never
      const all = fitManySync(model, { t, y: lists }, options)
      for (const [k, y] of lists.entries()) {
        const wanted = bitsOf(all.at(k) as never)
        expect(bitsOf(fitOne(model, { t, y }, options))).toEqual(wanted)
        const two = fitManySync(model, { t, y: [y, lists[0]] }, options)
        expect(bitsOf(two.at(0))).toEqual(wanted)
        expect(bitsOf(two.at(1))).toEqual(bitsOf(all.at(0)))
      }
    })
  },
)

test('the results of a fit do not change with later fits of the same model', () => {
  const options = { start: { a: 1, b: 1, c: 0 } } as const
  const found = lists.map((y) => fitManySync(model, { t, y: [y] }, options))
  const before = found.map((one) => bitsOf(one.at(0)))
  for (const y of lists) fitOne(model, { t, y }, options)
  expect(found.map((one) => bitsOf(one.at(0)))).toEqual(before)
})

test('a model with further starting points gives one data set the bits of many data sets', () => {
  const x = t.map((at) => 10 ** (at - 3))
  const shapes = [0.3, 1, 3].map((slope) =>
    x.map((at) => 2 / (1 + (0.1 / at) ** slope) + 0.2 * (next() - 0.5)),
  )
  const data = [...shapes, t.map(() => next()), t.map((_, k) => Number(k > 20))]
  for (const loss of ['squared', 'huber'] as const) {
    const all = fitManySync(models.fourPL(), { x, y: data }, { loss })
    for (const [k, y] of data.entries())
      expect(bitsOf(fitOne(models.fourPL(), { x, y }, { loss }))).toEqual(bitsOf(all.at(k)))
  }
})

test('several starting points give one data set the bits of many data sets', () => {
  const between = { start: 1, min: -5, max: 5 }
  const options = { start: { a: between, b: between, c: between }, multiStart: 3 } as const
  const all = fitManySync(model, { t, y: lists }, options)
  for (const [k, y] of lists.entries())
    expect(bitsOf(fitOne(model, { t, y }, options))).toEqual(bitsOf(all.at(k)))
})
