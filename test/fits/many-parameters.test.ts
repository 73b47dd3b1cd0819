/** Fits with more parameters than programs support, which run one at a time on whole arrays. */

import { expression } from 'antigrad'
import { bootstrap, contour, fitMany, fit as fitOne, profile, type ResidualModel } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { random } from '../helpers.js'

/** A sum of `count` peaks with known centers and widths, and a slope. */
function peaks(count: number, isLinear: boolean) {
  const next = random(5)
  const x = Array.from({ length: 8 * count }, (_, row) => row / 4)
  const centers = Array.from({ length: count }, (_, k) => 2 * k + 1)
  const heights = centers.map(() => 1 + next())
  const y = x.map((at) => {
    const sum = centers.reduce((all, c, k) => all + heights[k] * Math.exp(-((at - c) ** 2) / 0.5), 0)
    return sum + 0.1 * at + 0.02 * (next() + next() - 1)
  })
  const texts = centers.map((c, k) => `h${k}*exp(-(x - ${isLinear ? c : `c${k}`})^2/0.5)`)
  const start = Object.fromEntries([
    ...centers.map((_, k) => [`h${k}`, 1]),
    ...(isLinear ? [] : centers.map((c, k) => [`c${k}`, c + 0.2])),
    ['slope', 0],
  ])
  return { x, y, text: `${texts.join(' + ')} + slope*x`, start, centers, heights }
}

describe('an expression with many parameters', () => {
  test('has the same fit with 17 parameters as with 16 parameters and a constant', () => {
    const { x, y, text, start } = peaks(8, false)
    const found = fitOne(expression(text), { x, y }, { start })
    expect([found.reason, found.free.length]).toEqual(['converged', 17])
    const fixed = { start: found.values.slope, fixed: true }
    const other = fitOne(
      expression(text),
      { x, y },
      { start: { ...start, slope: fixed } as never, tolerance: 1e-14 },
    )
    expect(other.engine).not.toBe('typescript')
    expect(found.engine).toBe(other.engine)
    for (const name of other.free) {
      expect(Math.abs(found.values[name] - other.values[name])).toBeLessThan(1e-5 * found.errors[name])
    }
    expect(found.chiSquared / other.chiSquared - 1).toBeCloseTo(0, 9)
    const { c3 } = profile(found, 'c3')
    const [low, high] = found.intervals().c3
    expect([c3.lowReason, c3.highReason]).toEqual(['found', 'found'])
    expect((c3.high - c3.low) / (high - low)).toBeCloseTo(1, 1)
    expect(bootstrap(found, { count: 5 }).failed).toBe(0)
  })

  test('has a bit-identical fit with 17 parameters on every engine', () => {
    const { x, y, text, start } = peaks(8, false)
    // Enough rows for two threads, and for more than one chunk.
    const repeated = (numbers: readonly number[]) => Array.from({ length: 600 }, () => numbers).flat()
    for (const data of [
      { x, y },
      { x: repeated(x), y: repeated(y) },
    ]) {
      const all = [
        { engine: 'typescript' as const },
        { engine: 'wasm' as const },
        { engine: 'native' as const, threads: 1 },
        { engine: 'native' as const, threads: 2 },
      ].map((options) => {
        const found = fitOne(expression(text), data, { start, maxIterations: 3, ...options })
        expect(found.engine).toBe(options.engine)
        return [...Object.values(found.values), ...Object.values(found.errors), found.chiSquared]
      })
      for (const other of all.slice(1)) expect(other).toEqual(all[0])
      expect(all[0].every(Number.isFinite)).toBe(true)
    }
  }, 60_000)

  test('can have 256 parameters, and the fit names parameters at bounds', () => {
    const { x, y, text, start } = peaks(255, true)
    const bounds = { h40: { start: 1, max: 0.5 }, h200: { start: 1, min: 3 } }
    const found = fitOne(expression(text), { x, y }, { start: { ...start, ...bounds } as never })
    expect([found.reason, found.free.length]).toEqual(['converged', 256])
    expect(found.atBound).toEqual(['h40', 'h200'])
    expect([found.values.h40, found.values.h200]).toEqual([0.5, 3])
    expect(found.errors.h40).toBeNaN()
    expect(found.errors.h41).toBeGreaterThan(0)
    expect(found.degreesOfFreedom).toBe(x.length - 254)
    expect(() => profile(found, 'h1')).toThrow(
      'names: expected a fit with at most 32 free parameters, got "256"',
    )
    expect(() => contour(found, 'h1', 'h2')).toThrow('at most 32')
  }, 120_000)

  test('can be fitted to many data sets in succession', async () => {
    const { x, y, text, start, heights } = peaks(16, true)
    const others = y.map((value) => 2 * value)
    const all = await fitMany(expression(text), { x, y: [y, others] }, { start: start as never })
    expect(Array.from(all.reason)).toEqual([1, 1])
    for (const [k, height] of heights.entries()) {
      expect(all.values[`h${k}` as never][0]).toBeCloseTo(height, 1)
      expect(all.values[`h${k}` as never][1]).toBeCloseTo(2 * all.values[`h${k}` as never][0], 6)
    }
  })

  test('has a singular fit if the data do not determine all parameters', () => {
    const { x, y, text, start } = peaks(16, true)
    const unseen = fitOne(
      expression(`${text} + 0*nothing`),
      { x, y },
      { start: { ...start, nothing: 1 } as never },
    )
    expect([unseen.reason, unseen.unidentifiable]).toEqual(['singular', ['nothing']])
    const twice = fitOne(expression(`${text} + twin*x`), { x, y }, { start: { ...start, twin: 1 } as never })
    expect([twice.reason, twice.unidentifiable]).toEqual(['singular', []])
    expect(twice.message).toBe('the data determine some parameters only together; fix some of them')
    expect(twice.errors.h1).toBeNaN()
  })
})

test.each([1e-300, 1e300])('a model with many parameters is fitted to data of magnitude %d', (unit) => {
  const t = [0, 1, 2, 3, 4, 5]
  const y = [5, 3.1, 2, 1.6, 1.2, 1.1]
  const model = (p: { readonly a: number; readonly b: number; readonly c: number }, x: number) =>
    p.a * Math.exp(-p.b * x) + p.c
  const plain = fitOne(model, { t, y }, { start: { a: 1, b: 1, c: 0 } })
  const found = fitOne(
    model,
    { t, y: y.map((value) => value * unit) },
    { start: { a: unit, b: 1, c: 0.1 * unit } },
  )
  expect(found.reason).toBe('converged')
  expect(found.values.b).toBeCloseTo(plain.values.b, 6)
  expect(found.errors.a / unit).toBeCloseTo(plain.errors.a, 5)
})

test('a model function with 40 parameters can be fitted', () => {
  const size = 40
  const chain: ResidualModel = {
    observations: 2 * size - 1,
    residuals(p, out) {
      const x = Object.values(p)
      for (let k = 0; k < size; k++) out[k] = x[k] * x[k] - (k + 1)
      for (let k = 1; k < size; k++) out[size + k - 1] = 0.1 * (x[k] - x[k - 1])
    },
  }
  const start = Object.fromEntries(Array.from({ length: size }, (_, k) => [`x${k}`, 1]))
  const found = fitOne(chain, {}, { start })
  expect(found.reason).toBe('converged')
  expect(found.values.x24).toBeCloseTo(5, 2)
  expect(found.evaluations).toBeLessThan(12 * (size + 1))
})
