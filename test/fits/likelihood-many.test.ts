/** Many fits by likelihood: their starts are tested side by side, and their minima are refined side by side. */

import { expression } from 'antigrad'
import { binomial, fit, fitManySync, fitReasons, negativeBinomial, normal } from 'antigrad/fit'
import { RandomGenerator } from 'antigrad/math'
import { expect, test } from 'vitest'

const t = [0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24]
const y = [9.1, 8.4, 6.6, 5.6, 4.2, 3.1, 1.9, 0.9, 0.42, 0.09]
const decay = expression('a*exp(-b*t)')
const combined = normal({ sigma: 'sqrt(add^2 + (prop*f)^2)', estimate: 'reml' })

test('many fits equal single fits, with rows, starts and fixed values of their own', () => {
  const rows = [10, 9, 10, 8, 9]
  const own = rows.map((count, k) => ({
    t: t.slice(0, count),
    y: y.slice(0, count).map((value, row) => value * (1 + 0.03 * ((row * (k + 3)) % 5))),
  }))
  const fixed = [0, 0.01, 0.02, 0.03, 0.04]
  const starts = [6, 7, 8, 9, 10]
  const startOf = (a: number | number[], value: number | number[]) => ({
    a: { start: a },
    b: 0.1,
    add: 0.1,
    prop: 0.1,
    level: { start: value, fixed: true },
  })
  const model = expression('a*exp(-b*t) + level')
  const options = { y: 'y', distribution: combined }
  const data = { t: own.map((one) => one.t), y: own.map((one) => one.y) }
  const many = fitManySync(model, data, { ...options, start: startOf(starts, fixed) })
  for (const [k, one] of own.entries()) {
    const single = fit(model, one, { ...options, start: startOf(starts[k], fixed[k]) })
    const same = many.at(k)
    expect(same.values).toEqual(single.values)
    expect(same.errors).toEqual(single.errors)
    expect([same.evaluations, same.reason]).toEqual([single.evaluations, 'converged'])
  }
})

test('one fit of many that cannot start is found', () => {
  const columns = [y, y, y, y]
  const run = (a: number[]) =>
    fitManySync(
      decay,
      { t, y: columns },
      { y: 'y', distribution: normal({ sigma: 'prop*f' }), start: { a, b: 0.1, prop: 0.1 } },
    )
  expect(() => run([8, 8, -8, 8])).toThrow('sigma: expected a finite value > 0 at the start')
  expect(() => run([8, 8, -8, 8])).toThrow('in row 0 of fit 2')
  const huge = fitManySync(
    expression('a*exp(b*t)'),
    { t, y: columns },
    { y: 'y', distribution: normal(), start: { a: 8, b: [-0.1, 1000, -0.1, -0.1], sigma: 1 } },
  )
  expect(Array.from(huge.reason, (reason) => fitReasons[reason])).toEqual([
    'converged',
    'not-finite',
    'converged',
    'converged',
  ])
  const counts = [3, 2, 1, 4, 3, 2, 1, 1, 2, 3]
  const mean = (a: number[]) =>
    fitManySync(
      expression('a + 0*t'),
      { t, y: [counts, counts, counts] },
      { y: 'y', distribution: negativeBinomial(), start: { a, theta: 3 } },
    )
  expect(() => mean([2, -1, 2])).toThrow('start: expected a model value > 0')
})

test('a prediction at the limit of its domain starts one fit of many', () => {
  const hits = [0, 0, 1, 3, 7, 9, 10, 10, 10, 10]
  const found = fitManySync(
    expression('x < 0.5 ? 0 : 1/(1 + exp(-(a + b*x)))'),
    { x: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], y: [hits, hits, hits] },
    { y: 'y', distribution: binomial({ trials: 10 }), start: { a: -3, b: 0.8 } },
  )
  expect(Array.from(found.reason, (reason) => fitReasons[reason])).toEqual(Array(3).fill('converged'))
})

test('a further start of σ that leaves the data ends early', () => {
  const at = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36, 40, 48]
  const random = new RandomGenerator(7)
  const draw = (f: number) => f + Math.hypot(0.1, 0.05 * f) * random.normal()
  const columns = Array.from({ length: 100 }, () => at.map((v) => draw(10 * Math.exp(-0.2 * v))))
  const found = fitManySync(
    decay,
    { t: at, y: columns },
    {
      y: 'y',
      distribution: normal({ sigma: 'sqrt(add^2 + (prop*f)^2)' }),
      start: { a: 8, b: 0.1, add: 0.2, prop: 0.2 },
    },
  )
  expect(found.reason.every((reason) => fitReasons[reason] === 'converged')).toBe(true)
  expect(Math.max(...found.evaluations)).toBeLessThan(400)
})
