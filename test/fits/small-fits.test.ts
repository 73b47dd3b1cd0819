/** Fits in a loop: compiled programs, names and searches are cached or created on demand. */

import { readdirSync, readFileSync } from 'node:fs'
import { ExpressionError, expression, OptionError } from 'antigrad'
import { type FitModel, type FitOptions, fitManySync, fit as fitOne, models, profile } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { namesIn } from '../../dist/expressions/parse.js'
import {
  fit as fitInFiles,
  fitManySync as fitManyInFiles,
  models as modelsInFiles,
} from '../../dist/fits/index.js'
import { guessParts } from '../../dist/fits/models/model.js'
import { loadPrograms } from '../../dist/fits/programs/program-cache.js'
import { fitManySources, fitSources } from '../../dist/fits/solve/result-source.js'
import { expression as expressionInFiles } from '../../dist/index.js'
import { inBits, random } from '../helpers.js'

const next = random(55)
const text = 'a*exp(-b*t) + c'
const t = Array.from({ length: 40 }, (_, k) => k / 10)
const y = t.map((x) => 2 * Math.exp(-1.3 * x) + 0.5 + 0.05 * (next() - 0.5))
const start = { a: 1, b: 1, c: 0 }
const doses = Array.from({ length: 24 }, (_, k) => 10 ** (k / 4 - 3))
const response = doses.map((x) => 0.2 + 2 / (1 + (0.7 / x) ** 1.2) + 0.05 * (next() - 0.5))

/** All numbers of a result, to the bit. */
const bitsOf = (found: { values: object; errors: object; chiSquared: number; bic: number }) =>
  inBits([...Object.values(found.values), ...Object.values(found.errors), found.chiSquared, found.bic])

describe('an expression that is compiled on demand', () => {
  const x = [1.3, 0.7, 0.2]
  const gradientOf = (of: { gradient(x: number[], out: Float64Array): void }, size: number) => {
    const out = new Float64Array(size)
    of.gradient(x, out)
    return out
  }

  test('gives the same bits with data, whether or not the expression was evaluated without data before', () => {
    const [one, other] = [expression(`(${text} - y)^2`), expression(`(${text} - y)^2`)]
    const point = [1.3, 0.7, 2, 0.2, 1]
    other.value(point)
    other.hessian(point, new Float64Array(25))
    const found = [one, other].map((of) => {
      const bound = of.with({ t, y })
      const hessian = new Float64Array(9)
      bound.hessian(x, hessian)
      return inBits([bound.value(x), ...gradientOf(bound, 3), ...hessian])
    })
    expect(found[1]).toEqual(found[0])
  })

  test('refuses invalid text at once, and every time', () => {
    for (let k = 0; k < 3; k++) {
      expect(() => expression('a*(b')).toThrow(ExpressionError)
      expect(() => fitOne({ ...models.line(), text: 'a*(b' }, { x: doses, y: response })).toThrow(
        ExpressionError,
      )
    }
  })

  test('has the names of its own text after more texts than the cache keeps', () => {
    const texts = Array.from({ length: 200 }, (_, k) => `p${k}*x + q${k}`)
    for (let round = 0; round < 2; round++) {
      for (const [k, one] of texts.entries()) expect(expression(one).names).toEqual([`p${k}`, 'x', `q${k}`])
    }
    expect(namesIn(texts[199])).toBe(namesIn(`${texts[199].slice(0, 3)}${texts[199].slice(3)}`))
    expect(namesIn(texts[0])).not.toBe(expression(texts[0]).names)
  })
})

describe('a fit whose model is made again', () => {
  test('has the bits of a fit whose model is kept', () => {
    const kept = expression(text)
    const wanted = bitsOf(fitOne(kept, { t, y }, { start }))
    for (let k = 0; k < 3; k++) expect(bitsOf(fitOne(expression(text), { t, y }, { start }))).toEqual(wanted)
    const model = models.fourPL()
    const ofModel = bitsOf(fitOne(model, { x: doses, y: response }))
    for (let k = 0; k < 3; k++)
      expect(bitsOf(fitOne(models.fourPL(), { x: doses, y: response }))).toEqual(ofModel)
  })

  test('differs from fits with other options between two equal fits', () => {
    const data = { t, y }
    const weights = y.map((_, k) => 1 + (k % 3))
    const variants: readonly FitOptions<Record<string, object | number>>[] = [
      { start },
      { start: { ...start, c: { start: 0, fixed: true } } },
      { start: { ...start, c: { start: 0.4, fixed: true } } },
      { start: { ...start, b: { start: 1, max: 1.1 } } },
      { start: { ...start, b: { start: 1, min: 1.4 } } },
      { start: { ...start, b: { start: 1, positive: true } } },
      { start: { a: 1, b: 1, c: { expr: 'a/4' } } },
      { start: { a: 1, b: 1, c: { expr: 'a/5' } } },
      { start, loss: 'huber', lossScale: 0.01 },
      { start, loss: 'huber', lossScale: 0.02 },
      { start, tolerance: 1e-3 },
      { start, weights },
      { start, sigma: weights },
      { start, sigma: weights, absoluteSigma: true },
      { start, derive: { d: 'a/b' } },
      { start, derive: { d: 'b/a' } },
    ]
    const alone = variants.map((options) => bitsOf(fitOne(expression(text), data, options as never)))
    // In reverse order, the cache contains other programs before each fit.
    const again = [...variants]
      .reverse()
      .map((options) => bitsOf(fitOne(expression(text), data, options as never)))
    expect(again.reverse()).toEqual(alone)
    const all = new Set(alone.map((bits) => JSON.stringify(bits)))
    expect(all.size).toBe(variants.length)
  })

  test('uses the same compiled programs, unless an input of the programs differs', () => {
    const settings = {
      columns: ['t', 'y'],
      y: 'y',
      weight: null,
      loss: 'squared',
      scale: 1,
      tolerance: 1e-10,
      isAbsolute: false,
    } as const
    const parameter = (name: string, others = {}) => ({
      name,
      start: 1,
      min: -Infinity,
      max: Infinity,
      isFixed: false,
      isLogarithmic: false,
      expr: null,
      isDerived: false,
      ...others,
    })
    const parameters = ['a', 'b', 'c'].map((name) => parameter(name))
    const load = (last = {}, others = {}) =>
      loadPrograms(text, [...parameters.slice(0, 2), parameter('c', last)], { ...settings, ...others })
    const made = load()
    expect(load()).toBe(made)
    expect(load({ start: 7 })).toBe(made)
    expect(load({ start: Float64Array.of(1, 2) })).toBe(made)
    for (const last of [
      { min: 0 },
      { max: 0 },
      { max: -0 },
      { isFixed: true, start: 0 },
      { isFixed: true, start: -0 },
    ]) {
      expect(load(last)).not.toBe(made)
      expect(load(last)).toBe(load(last))
    }
    expect(load({ max: 0 })).not.toBe(load({ max: -0 }))
    expect(load({ isFixed: true, start: 0 })).not.toBe(load({ isFixed: true, start: -0 }))
    const perFit = load({ isFixed: true, start: Float64Array.of(1, 2) })
    expect(load({ isFixed: true, start: Float64Array.of(3, 4) })).toBe(perFit)
    expect(load({ isFixed: true, start: 1 })).not.toBe(perFit)
    for (const others of [
      { tolerance: 1e-9 },
      { isAbsolute: true },
      { scale: 2 },
      { loss: 'cauchy' },
      { columns: ['y', 't'] },
    ])
      expect(load({}, others)).not.toBe(load())
    // Eight problems are kept, and `load()` was used last.
    const first = load()
    for (let k = 0; k < 7; k++) load({}, { scale: 3 + k })
    expect(load()).toBe(first)
    for (let k = 0; k < 8; k++) load({}, { scale: 30 + k })
    expect(load()).not.toBe(first)
  })

  test('reads the columns of the data in any order', () => {
    const wanted = bitsOf(fitOne(expression(text), { t, y }, { start }))
    expect(bitsOf(fitOne(expression(text), { y, t }, { start }))).toEqual(wanted)
    const per = fitManySync(expression(text), { y: [y, y], t }, { start })
    expect(bitsOf(per.at(1))).toEqual(wanted)
  })
})

describe('the search of a built-in model', () => {
  const of = (model: FitModel) => guessParts(model.guess as NonNullable<FitModel['guess']>)

  test('is created once, at the first request, and belongs to the model', () => {
    const { exponential, fourPL, line, logistic, sinusoid } = modelsInFiles
    for (const make of [exponential, fourPL, logistic, sinusoid]) {
      const [one, other] = [make(), make()] as FitModel[]
      expect(of(one)?.search?.()).toBe(of(one)?.search?.())
      expect(of(one)?.search?.()).not.toBe(of(other)?.search?.())
      expect(of({ ...one })?.search).toBe(of(one)?.search)
    }
    expect(of({ ...line(), guess: () => ({}) })).toBeUndefined()
  })

  test('repeats a doubtful fit, but no plausible fit', () => {
    const step = doses.map((x) => (x < 1 ? 0 : 1) + 0.02 * (next() - 0.5))
    const found = fitManySync(models.fourPL(), { x: doses, y: [response, step, response] })
    expect(found.starts[0]).toBe(1)
    expect(found.starts[1]).toBeGreaterThan(1)
    expect(found.starts[2]).toBe(1)
    expect(bitsOf(found.at(2))).toEqual(bitsOf(fitOne(models.fourPL(), { x: doses, y: response })))
    // More than one batch of fits, with doubtful fits in each batch.
    const many = Array.from({ length: 100 }, (_, k) => (k % 40 === 39 ? step : response))
    const { starts } = fitManySync(models.fourPL(), { x: doses, y: many })
    expect(Array.from(starts, (count, k) => count > 1 === (k % 40 === 39)).every(Boolean)).toBe(true)
  })

  test('refuses invalid defaults of a custom model', () => {
    for (const wrong of [null, undefined, 3, 'x']) {
      const model = { ...models.line(), parameters: { slope: wrong as never } }
      expect(() => fitOne(model, { x: doses, y: response })).toThrow(OptionError)
    }
  })
})

describe('the source of a result', () => {
  test('is known for results, but not for proxies, copies or other objects', () => {
    const model = expressionInFiles(text)
    const many = fitManyInFiles(model, { t, y }, { start })
    const one = fitInFiles(model, { t, y }, { start })
    expect(fitManySources.get(many)?.problem.free).toEqual(['a', 'b', 'c'])
    expect(fitSources.get(one)?.index).toBe(0)
    for (const other of [{}, new Proxy(one, {}), { ...one }, Object.create(one), many])
      expect(fitSources.get(other as object)).toBeUndefined()
    for (const other of [{}, new Proxy(many, {}), Object.create(many), one])
      expect(fitManySources.get(other as object)).toBeUndefined()
    expect(() => profile(new Proxy(fitOne(expression(text), { t, y }, { start }), {}))).toThrow(
      'found: expected',
    )
  })
})

test('files of dist/node import modules of other files without getters', () => {
  const folder = new URL('../../dist/node/', import.meta.url)
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!`${name}`.endsWith('.js')) continue
    expect(readFileSync(new URL(`${name}`, folder), 'utf8'), `${name}`).not.toMatch(/__toESM\(require_/)
  }
})
