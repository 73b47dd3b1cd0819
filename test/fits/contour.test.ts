/**
 * Contours: χ² along them has the value of the level. Linear models have ellipses. Contours end at bounds, or are open.
 */

import { engines, expression } from 'antigrad'
import { contour, type FitOptions, fit as fitOne } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits } from '../helpers.js'

const x = [0, 1, 2, 3, 4, 5, 6, 7, 8]
const y = [4.8, 3.2, 2.1, 1.7, 1.3, 1.2, 1.16, 1.0, 1.1]
const sigma = x.map(() => 0.1)
const model = expression('a*exp(-k*x) + c')
const start = { a: 4, k: 0.5, c: 1 }
const decay = (options: FitOptions = {}) => fitOne(model, { x, y }, { start, sigma, ...options })

describe.each([
  // The thresholds χ²·(1 − level)^(−2/n) and χ² − 2·log(1 − level).
  ['unknown', false, (chiSquared: number, level: number) => chiSquared * (1 - level) ** (-2 / 6)],
  ['known', true, (chiSquared: number, level: number) => chiSquared - 2 * Math.log(1 - level)],
] as const)('with %s σ,', (_, absoluteSigma, limit) => {
  test.each([0.5, 0.95, 0.999])(
    'a fit with both parameters fixed on the contour reaches the χ² of the level %d',
    (level) => {
      const found = decay({ absoluteSigma })
      const { points, reasons, message, lowerMinimum } = contour(found, 'k', 'a', { level, points: 16 })
      expect([new Set(reasons), message, lowerMinimum]).toEqual([new Set(['found']), '', null])
      for (let k = 0; k < 16; k++) {
        const at = { a: { start: points.a[k], fixed: true }, k: { start: points.k[k], fixed: true }, c: 1 }
        const { chiSquared } = decay({ absoluteSigma, start: at, tolerance: 1e-14 })
        expect(chiSquared / limit(found.chiSquared, level)).toBeCloseTo(1, 9)
      }
    },
  )
})

test("the contour of a straight line's parameters is an ellipse, sampled at equal angles", () => {
  const found = fitOne(expression('a + b*x'), { x, y }, { start: { a: 0, b: 0 }, sigma, absoluteSigma: true })
  const { points } = contour(found, 'a', 'b', { level: 0.6, points: 7 })
  const [[aa, ab], [, bb]] = found.covariance
  for (let k = 0; k < 7; k++) {
    const u = (points.a[k] - found.values.a) / Math.sqrt(aa)
    const v =
      (points.b[k] - found.values.b - (ab / aa) * (points.a[k] - found.values.a)) /
      Math.sqrt(bb - (ab * ab) / aa)
    const radius = Math.sqrt(-2 * Math.log(0.4))
    expect(u).toBeCloseTo(radius * Math.cos((2 * Math.PI * k) / 7), 8)
    expect(v).toBeCloseTo(radius * Math.sin((2 * Math.PI * k) / 7), 8)
  }
})

test('the contour of two uncorrelated parameters has points on both axes', () => {
  const even = [-2, -1, 0, 1, 2]
  const found = fitOne(
    expression('a + b*x'),
    { x: even, y: [1, 2.1, 2.9, 4, 5.1] },
    { start: { a: 0, b: 0 } },
  )
  const { points, reasons } = contour(found, 'a', 'b', { points: 4 })
  expect(new Set(reasons)).toEqual(new Set(['found']))
  for (const k of [0, 2]) expect(points.b[k]).toBeCloseTo(found.values.b, 12)
  for (const k of [1, 3]) expect(points.a[k]).toBeCloseTo(found.values.a, 12)
})

test('a contour ends at parameter bounds, or is reported as unbounded', () => {
  const rise = { x: x.slice(1, 8), y: [0.45, 0.9, 1.3, 1.65, 2.2, 2.4, 2.9] }
  const kinetics = expression('vmax*x/(km + x)')
  const far = contour(fitOne(kinetics, rise, { start: { vmax: 10, km: 20 } }), 'vmax', 'km')
  expect(far.reasons).toContain('unbounded')
  expect(far.points.vmax[far.reasons.indexOf('unbounded')]).toBe(Infinity)
  expect(far.message).toMatch(/^of 64 points \d+ are at infinity: χ² stays below the threshold$/)
  const limited = { vmax: { start: 10, max: 20 }, km: 20 }
  const near = contour(fitOne(kinetics, rise, { start: limited }), 'vmax', 'km')
  expect(new Set(near.reasons)).toEqual(new Set(['bound', 'found']))
  const at = near.reasons.indexOf('bound')
  expect(near.points.vmax[at]).toBe(20)
  expect(near.message).toMatch(/^of 64 points \d+ are at a bound, with χ² below the threshold$/)
})

test('the contour of a line fitted over timestamps equals the contour over time differences', () => {
  const since = 1.7e12
  const times = x.map((at) => since + 1000 * at)
  const late = fitOne(expression('a + b*t'), { t: times, y }, { start: { a: 0, b: 0 }, sigma })
  const { points, reasons } = contour(late, 'a', 'b', { points: 16 })
  expect(new Set(reasons)).toEqual(new Set(['found']))
  // χ² of a line is a quadratic function, which is exact in differences from the middle.
  const middle = since + 4000
  const near = fitOne(
    expression('a + b*t'),
    { t: times.map((at) => at - middle), y },
    { start: { a: 0, b: 0 }, sigma },
  )
  const limit = near.chiSquared * (0.05 ** (-2 / near.degreesOfFreedom) - 1)
  const weight = 100
  for (let k = 0; k < 16; k++) {
    const db = points.b[k] - near.values.b
    // a is rounded to 7e-6 of its error.
    const da = points.a[k] + points.b[k] * middle - near.values.a
    const rise = times.reduce((sum, at) => sum + weight * (da + db * (at - middle)) ** 2, 0)
    expect(rise / limit).toBeCloseTo(1, 4)
  }
})

test('a contour of derived quantities matches the χ² of a model in which the quantities are parameters', () => {
  const derive = { half: 'log(2)/k', top: 'a + c' }
  const found = decay({ derive })
  const limit = found.chiSquared * 0.05 ** (-2 / 6)
  const models = {
    half: (half: number, other: number) =>
      fitOne(
        expression('a*exp(-log(2)/half*x) + c'),
        { x, y },
        {
          start: { half: { start: half, fixed: true }, a: 4, c: { start: other, fixed: true } },
          sigma,
          tolerance: 1e-14,
        },
      ),
    top: (half: number, top: number) =>
      fitOne(
        expression('(top - c)*exp(-log(2)/half*x) + c'),
        { x, y },
        {
          start: { half: { start: half, fixed: true }, top: { start: top, fixed: true }, c: 1 },
          sigma,
          tolerance: 1e-14,
        },
      ),
  }
  const mixed = contour(found, 'half', 'c', { points: 12 })
  const both = contour(found, 'half', 'top', { points: 12 })
  expect(new Set([...mixed.reasons, ...both.reasons])).toEqual(new Set(['found']))
  for (let k = 0; k < 12; k++) {
    expect(models.half(mixed.points.half[k], mixed.points.c[k]).chiSquared / limit).toBeCloseTo(1, 7)
    expect(models.top(both.points.half[k], both.points.top[k]).chiSquared / limit).toBeCloseTo(1, 7)
  }
})

test('the contour of quantities derived from a straight line is an ellipse, sampled at equal angles', () => {
  const options = { start: { a: 0, b: 0 }, sigma, absoluteSigma: true }
  const found = fitOne(expression('a + b*x'), { x, y }, { ...options, derive: { sum: 'a + b' } })
  const same = fitOne(expression('sum - b + b*x'), { x, y }, { ...options, start: { sum: 0, b: 0 } })
  const [of, wanted] = [contour(found, 'sum', 'b', { points: 9 }), contour(same, 'sum', 'b', { points: 9 })]
  for (const name of ['sum', 'b'] as const) {
    for (let k = 0; k < 9; k++) expect(of.points[name][k]).toBeCloseTo(wanted.points[name][k], 7)
  }
})

test('a fit without degrees of freedom has no contour', () => {
  const exact = fitOne(expression('a + b*x'), { x: [0, 1], y: [1, 2] }, { start: { a: 0, b: 0 } })
  const { points, reasons, message } = contour(exact, 'a', 'b', { points: 4 })
  expect(Array.from(points.a)).toEqual([NaN, NaN, NaN, NaN])
  expect(new Set(reasons)).toEqual(new Set(['unavailable']))
  expect(message).toBe('no contour: no degrees of freedom are left')
})

test('contours are bit-identical on every engine and instruction set', () => {
  const first = inBits(contour(decay(), 'a', 'k'))
  for (const instructionSet of engines().native.instructionSets) {
    expect(inBits(contour(decay({ engine: 'native', instructionSet }), 'a', 'k'))).toEqual(first)
  }
  for (const engine of ['wasm', 'typescript'] as const) {
    expect(inBits(contour(decay({ engine }), 'a', 'k'))).toEqual(first)
  }
})

test('the method contour refuses invalid names and options', () => {
  const found = decay()
  expect(() => contour(found, 'a', 'a')).toThrow(/b: expected a name other than a/)
  expect(() => contour(found, 'z' as never, 'a')).toThrow(/a: expected a free parameter: a, k, c/)
  expect(() => contour(found, 'a', undefined as never)).toThrow(/b: expected a free parameter/)
  const held = decay({
    start: { ...start, c: { start: 1, fixed: true } },
    derive: { two: 'c + 1', half: 'log(2)/k' },
  })
  expect(() => contour(held, 'c', 'a')).toThrow(
    /a: expected a free parameter or derived quantity: a, k, half; c is fixed, got "c"/,
  )
  expect(() => contour(held, 'a', 'two')).toThrow(/half; two does not vary, got "two"/)
  expect(() => contour(found, 'a', 'k', { points: 3 })).toThrow(/points.*4 to 4096/)
  expect(() => contour(found, 'a', 'k', { level: 0 })).toThrow(/level.*between 0 and 1/)
})
