/** Functions as models: agreement with expressions, side effects during a fit, and refused calls. */

import * as core from 'antigrad'
import { expression } from 'antigrad'
import * as fits from 'antigrad/fit'
import {
  bootstrap,
  bootstrapSync,
  compare,
  contour,
  covarianceMatrix,
  type Fit,
  fitMany,
  fitManySync,
  fit as fitOne,
  fitReasons,
  models,
  profile,
  type ResidualModel,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { fitProblem, problemNames, readProblem } from '../../scripts/lib/nist.mjs'

const antigrad = { ...core, ...fits }

const t = [0, 1, 2, 3, 4, 5]
const y = [5, 3.1, 2, 1.6, 1.2, 1.1]
const data = { t, y }
const start = { a: 1, b: 1, c: 0 }
const text = expression('a*exp(-b*t) + c')

type Names = 'a' | 'b' | 'c'
type Decay = Readonly<Record<Names, number>>

const decay = (p: Decay, x: number) => p.a * Math.exp(-p.b * x) + p.c
const curve = {
  curve(p: Decay, out: Float64Array, { t }: { readonly t: Float64Array }) {
    for (const [row, x] of t.entries()) out[row] = decay(p, x)
  },
}
const jacobian = (p: Decay, out: Readonly<Record<Names, Float64Array>>) => {
  for (const [row, x] of t.entries()) {
    out.a[row] = Math.exp(-p.b * x)
    out.b[row] = -x * p.a * Math.exp(-p.b * x)
    out.c[row] = 1
  }
}
const residuals: ResidualModel<Names, 't' | 'y'> = {
  residuals(p, out, { t, y }) {
    for (const [row, x] of t.entries()) out[row] = decay(p, x) - y[row]
  },
}

/** Compares values relative to their errors, and errors and χ² relative to their size. */
function expectSame(found: Fit, wanted: Fit, part = 1e-5): void {
  expect(found.reason).toBe(wanted.reason)
  for (const name of wanted.free) {
    if (wanted.atBound.includes(name)) continue
    expect(Math.abs(found.values[name] - wanted.values[name])).toBeLessThan(part * wanted.errors[name])
    expect(Math.abs(found.errors[name] / wanted.errors[name] - 1)).toBeLessThan(part)
  }
  expect(Math.abs(found.chiSquared / wanted.chiSquared - 1)).toBeLessThan(1e-8)
}

describe('a function model', () => {
  const derive = { half: 'log(2)/b' }
  const wanted = fitOne(text, data, { start, derive })
  const forms = {
    'a function of a row': fitOne(decay, data, { start, derive }),
    'a function of all rows': fitOne(curve, data, { start, derive }),
    'with a jacobian': fitOne({ ...curve, jacobian }, data, { start, derive }),
    residuals: fitOne(residuals, data, { start, derive }),
    'differences of order 2': fitOne(decay, data, { start, derive, finiteDifferences: 2 }),
    'differences with a step': fitOne(decay, data, {
      start,
      derive,
      finiteDifferences: { order: 1, step: 1e-7 },
    }),
  }

  test.each(Object.entries(forms))('gives the same fit as an equivalent expression: %s', (name, found) => {
    expectSame(found, wanted)
    expect(found.values.half).toBeCloseTo(wanted.values.half, 7)
    expect(found.errors.half).toBeCloseTo(wanted.errors.half, 6)
    expect([found.engine, found.message]).toEqual(['typescript', ''])
    expect(found.engineReasons).toEqual([
      'the model is a function: it runs in JavaScript',
      'fromFunction (antigrad/from-function) gives exact derivatives and all engines',
    ])
    expect(found.evaluations).toBeLessThan(name === 'differences of order 2' ? 80 : 40)
    const [own, other] = [profile(found), profile(wanted)]
    for (const of of ['a', 'b', 'c', 'half'] as const) {
      expect(own[of].lowReason).toBe('found')
      expect(own[of].low).toBeCloseTo(other[of].low, 6)
      expect(own[of].high).toBeCloseTo(other[of].high, 6)
    }
    const { errors, failed } = bootstrap(found, { count: 100, seed: 1 })
    expect(failed).toBe(0)
    const { errors: others } = bootstrap(wanted, { count: 100, seed: 1 })
    expect(errors.b / others.b).toBeCloseTo(1, 4)
    const points = contour(found, 'a', 'b', { points: 4 }).points.a
    expect(points[0]).toBeCloseTo(contour(wanted, 'a', 'b', { points: 4 }).points.a[0], 5)
  })

  test('is fitted with fewer evaluations if the model provides a Jacobian', () => {
    const count = (name: keyof typeof forms) => forms[name].evaluations
    expect(count('with a jacobian')).toBeLessThan(count('a function of all rows') / 2)
    expect(count('a function of a row')).toBe(count('a function of all rows'))
  })

  test('gives the same curve, band and residuals as an equivalent expression', () => {
    const found = forms['a function of a row']
    expect(found.predict({ t: [0, null as never, 2.5] })[1]).toBeNaN()
    for (const at of [undefined, { t: [0, 2.5] }]) {
      const [band, other] = [found.band(at, { kind: 'prediction' }), wanted.band(at, { kind: 'prediction' })]
      for (const [row, low] of other.low.entries()) expect(band.low[row]).toBeCloseTo(low, 6)
    }
    for (const name of ['a function of a row', 'a function of all rows'] as const) {
      for (const [row, off] of wanted.residuals.entries())
        expect(forms[name].residuals[row]).toBeCloseTo(off, 6)
    }
    expect(() => forms['a function of all rows'].predict({ t: [1] })).toThrow('computes the rows of its data')
    expect(forms.residuals.predict()[0]).toBeCloseTo(-wanted.residuals[0], 6)
    expect(forms.residuals.rSquared).toBeNaN()
  })
})

describe('a fit of a function supports', () => {
  const sigma = [1, 2, 1, 0.5, 1, 3]
  const cases = {
    'weights and bounds': { start: { ...start, b: { start: 1, min: 0.7 } }, sigma },
    'absolute σ, one fixed': {
      start: { ...start, c: { start: 1, fixed: true } },
      sigma,
      absoluteSigma: true,
    },
    'a positive one': { start: { ...start, b: { start: 1, positive: true } } },
    'one that follows': { start: { ...start, c: { expr: 'a/4' } } },
    huber: { start, loss: 'huber', lossScale: 0.05 },
    cauchy: { start, loss: 'cauchy', lossScale: 0.1 },
    counts: { start, loss: 'poisson' },
    'weights by the model': { start, weights: '1/f^2' },
    'several starts': {
      start: {
        a: { start: 1, min: 0, max: 9 },
        b: { start: 1, min: 0, max: 3 },
        c: { start: 0, min: 0, max: 2 },
      },
      multiStart: 5,
    },
  } as const

  test.each(Object.entries(cases))('%s', (_, options) => {
    const wanted = fitOne(text, data, options as never)
    for (const model of [decay, { ...curve, jacobian }]) {
      const found = fitOne(model, data, options as never)
      expectSame(found, wanted, 1e-4)
      expect(found.atBound).toEqual(wanted.atBound)
      expect(found.degreesOfFreedom).toBe(wanted.degreesOfFreedom)
      expect(found.minima).toHaveLength(wanted.minima.length)
    }
  })

  test('dropped rows for all forms of the model', () => {
    const gappy = { t: [...t, 6, 7], y: [...y, Number.NaN, 1e9] }
    const options = { start, missing: 'drop', weights: [1, 1, 1, 1, 1, 1, 1, 0] } as const
    const wanted = fitOne(text, data, { start })
    for (const model of [decay, curve, residuals]) {
      const found = fitOne<typeof gappy, typeof start>(model as never, gappy, options)
      expectSame(found, wanted)
      expect([found.observations, found.droppedRows]).toEqual([6, 1])
      expect(found.residuals).toHaveLength(8)
      const cases = bootstrap(found, { kind: 'cases', count: 50, seed: 3 })
      expect(cases.errors.b).toBeCloseTo(
        bootstrap(fitOne(text, gappy, { ...options }), { kind: 'cases', count: 50, seed: 3 }).errors.b,
        4,
      )
    }
  })

  test('data with several columns, and a response variable under another name', () => {
    const both = { u: [1, 2, 3, 4, 5], v: [2, 1, 4, 3, 6], z: [5, 5.1, 11, 11.2, 16.9] }
    const model = (
      p: { readonly k: number; readonly l: number },
      { u, v }: { readonly u: number; readonly v: number },
    ) => p.k * u + p.l * v
    const found = fitOne(model, both, { start: { k: 0, l: 0 }, y: 'z' })
    expectSame(found, fitOne(expression('k*u + l*v'), both, { start: { k: 0, l: 0 }, y: 'z' }))
    expect(found.predict({ u: [1], v: [1] })[0]).toBeCloseTo(found.values.k + found.values.l)
  })

  test('data that contain no column of the model', () => {
    const found = fitOne((p) => p.a, { y }, { start: { a: 0 } })
    expect([found.reason, found.message]).toEqual(['converged', ''])
    const wanted = fitOne(expression('a'), { y }, { start: { a: 0 } })
    expect(found.values.a).toBeCloseTo(wanted.values.a, 10)
    expect(found.errors.a).toBeCloseTo(wanted.errors.a, 7)
    expect(profile(found, 'a').a.low).toBeCloseTo(profile(wanted, 'a').a.low, 6)
    expect(found.predict()).toHaveLength(y.length)
    expect(found.band().low[3]).toBeCloseTo(wanted.band().low[3], 6)
    fitOne(
      (_, x) => {
        expect(x).toBeUndefined()
        return 1
      },
      { y },
      { start: { a: 0 } },
    )
  })

  test.each([0, 1e-9])(
    'two bounds that differ by %f, and reports that the parameter is at a bound',
    (width) => {
      const found = fitOne(decay, data, {
        start: { ...start, c: { start: 0.2, min: 0.2, max: 0.2 + width } },
      })
      const wanted = fitOne(text, data, {
        start: { ...start, c: { start: 0.2, min: 0.2, max: 0.2 + width } },
      })
      expect([found.reason, found.atBound, found.unidentifiable]).toEqual([wanted.reason, wanted.atBound, []])
      expect(found.errors.b / wanted.errors.b).toBeCloseTo(1, 5)
    },
  )

  test('a function that returns residuals, without data', () => {
    const rosenbrock: ResidualModel<'x' | 'y'> = {
      observations: 2,
      residuals(p, out) {
        out[0] = 10 * (p.y - p.x * p.x)
        out[1] = 1 - p.x
      },
    }
    const found = fitOne(rosenbrock, {}, { start: { x: -1.2, y: 1 } })
    expect(found.reason).toBe('converged')
    expect(found.values.x).toBeCloseTo(1, 6)
    expect(found.values.y).toBeCloseTo(1, 6)
  })

  test('a comparison of two models', () => {
    const line = (p: { readonly a: number; readonly c: number }, x: number) => p.a + p.c * x
    const {
      fullModel,
      test: kind,
      pValue,
    } = compare(
      fitOne(line, data, { start: { a: 1, c: 1 } }),
      fitOne((p: Decay, x: number) => p.a + p.c * x + p.b * x * x, data, { start }),
    )
    expect([fullModel, kind]).toEqual(['b', 'F'])
    expect(pValue).toBeLessThan(0.05)
  })
})

describe('a batch of function models', () => {
  const own = { t: [t, t.slice(0, 5), t], y: [y, y.slice(0, 5), [Number.NaN, ...y.slice(1)]] }

  test.each([
    ['a row', decay],
    ['all rows', curve],
  ] as const)('is fitted one data set at a time if the model function computes %s', async (_, model) => {
    const all = await fitMany<typeof own, typeof start>(model as never, own, { start })
    expect(Array.from(all.reason, (code) => fitReasons[code])).toEqual([
      'converged',
      'converged',
      'not-finite',
    ])
    expectSame(all.at(1), fitOne(text, { t: own.t[1], y: own.y[1] }, { start }))
    expect(all.at(2).message).toBe('row 0: y is NaN')
    const { b } = await profile(all, 'b')
    expect(b.low[1]).toBeCloseTo(profile(fitOne(text, { t: own.t[1], y: own.y[1] }, { start }), 'b').b.low, 5)
    const refits = bootstrapSync(all, { count: 20 })
    expect(refits.at(1).failed).toBe(0)
    expect(
      Array.from(fitManySync<typeof own, typeof start>(model as never, own, { start }).values.b),
    ).toEqual(Array.from(all.values.b))
  })

  test('yields to the event loop between fits, and ends if the signal is aborted', async () => {
    const slow = (p: Decay, x: number) => {
      const end = performance.now() + 0.1
      while (performance.now() < end);
      return decay(p, x)
    }
    const stop = new AbortController()
    let turns = 0
    const timer = setInterval(() => {
      if (++turns === 3) stop.abort(new Error('enough'))
    }, 1)
    const many = Array.from({ length: 50 }, () => y)
    await expect(fitMany(slow, { t, y: many }, { start, signal: stop.signal })).rejects.toThrow('enough')
    clearInterval(timer)
    // The fit ends at the third turn, or if the timer fires again before that turn. A complete batch would take
    // thousands.
    expect(turns).toBeLessThan(10)
  })
})

test('fits of functions converge from 53 of 54 NIST starting points, to the precision of finite differences', () => {
  const ends = problemNames.flatMap((name) => {
    const problem = readProblem(name)
    const columns = Object.keys(problem.data).filter((column) => column !== 'y')
    const { names } = expression(problem.model)
    const bound = expression(problem.model)
    const model = (p: Readonly<Record<string, number>>, x: number | Readonly<Record<string, number>>) =>
      bound.value(names.map((of) => (of in p ? p[of] : typeof x === 'number' ? x : x[of])))
    expect(columns.length).toBeGreaterThan(0)
    return [0, 1].map((start) => {
      const found = fitProblem({ ...antigrad, expression: () => model }, problem, start, {})
      return { name: `${name} ${start + 1}`, ...found }
    })
  })
  expect(ends.filter(({ found }) => found.reason !== 'converged').map(({ name }) => name)).toEqual([
    'BoxBOD 1',
  ])
  const rest = ends.filter(({ name }) => !/BoxBOD 1|Lanczos1/.test(name))
  for (const { name, values, chiSquared } of rest) {
    expect(values, name).toBeGreaterThan(3)
    expect(chiSquared, name).toBeGreaterThan(7)
  }
  // The mean number of evaluations of SciPy's curve_fit (MINPACK, forward differences) is 47.5.
  const counts = ends.map(({ found }) => found.evaluations).sort((a, b) => a - b)
  expect((counts[26] + counts[27]) / 2).toBeLessThanOrEqual(52)
})

describe("a user's model function", () => {
  test('can throw an exception in any call, and the fit propagates the exception', () => {
    const [ownT, ownY] = [Float64Array.from(t), Float64Array.from(y)]
    for (const calls of [1, 7, 30, 100]) {
      let left = calls
      const broken = new Error('broken')
      const model = (p: Decay, x: number) => {
        if (--left === 0) throw broken
        return decay(p, x)
      }
      expect(() => fitOne(model, { t: ownT, y: ownY }, { start })).toThrow(broken)
      expectSame(fitOne(decay, { t: ownT, y: ownY }, { start }), fitOne(text, data, { start }))
    }
    expect([Array.from(ownT), Array.from(ownY), start]).toEqual([t, y, { a: 1, b: 1, c: 0 }])
  })

  test('can run another fit, even of the same model', () => {
    let depth = 0
    const inner: Fit[] = []
    const model = (p: Decay, x: number) => {
      if (depth === 0) {
        depth = 1
        inner.push(fitOne(model, data, { start }), fitOne(text, data, { start }))
        depth = 0
      }
      return decay(p, x)
    }
    const wanted = fitOne(decay, data, { start })
    const found = fitOne(model, data, { start })
    expect(found.values).toEqual(wanted.values)
    expect(inner[0].values).toEqual(wanted.values)
  })

  test('can store its arguments, but cannot change the arguments', () => {
    const points: Decay[] = []
    const outs: Float64Array[] = []
    const found = fitOne(
      {
        curve(p: Decay, out: Float64Array, columns: { readonly t: Float64Array; readonly y: Float64Array }) {
          expect(() => Object.assign(p, { a: 7 })).toThrow(TypeError)
          expect(() => Object.assign(columns, { t: [] })).toThrow(TypeError)
          for (const [row, x] of t.entries()) out[row] = decay(p, x)
          // Each call has its own output array.
          for (const old of outs) old.fill(1e9)
          columns.y.fill(1e9)
          outs.push(out)
          points.push(p)
        },
      },
      data,
      { start },
    )
    expectSame(found, fitOne(text, data, { start }))
    expect(points[0]).toEqual(start)
    for (const row of found.residuals) expect(Math.abs(row)).toBeLessThan(1)
  })

  test('with a NaN result causes an error at the start, or a shorter step later', () => {
    const lost = fitOne((p: Decay, x: number) => (x === 3 ? Number.NaN : decay(p, x)), data, { start })
    expect(lost.reason).toBe('not-finite')
    expect(lost.message).toBe('row 3, where t = 3: the model is NaN where the fit starts')
    const half = fitOne((p: Decay, x: number) => (p.b > 0.8 && p.b < 0.99 ? Number.NaN : decay(p, x)), data, {
      start,
    })
    expectSame(half, fitOne(text, data, { start }))
    const unfilled = fitOne({ curve: (_: Decay, out: Float64Array) => void out.fill(1, 1) }, data, { start })
    expect(unfilled.message).toContain('row 0')
  })

  const cases: readonly (readonly [string, unknown, string])[] = [
    ['a text', () => '1', 'model: expected a number from the function, in row 0, got'],
    ['nothing', () => {}, 'model: expected a number from the function, in row 0, got undefined'],
    ['a big integer', () => 1n, 'in row 0, got'],
    ['a promise', async () => 1, 'it may not be async'],
    ['a promise that fails', async () => Promise.reject(new Error('later')), 'it may not be async'],
    ['an array', { curve: () => t }, 'model: curve: expected a function that fills out, and returns nothing'],
    ['a promise of all rows', { curve: async () => {} }, 'it may not be async'],
    [
      'rows that are sent away',
      { residuals: (_: Decay, out: Float64Array) => void structuredClone(out, { transfer: [out.buffer] }) },
      'model: residuals: expected a function that keeps its array',
    ],
    ['no function', { curve: 1 }, 'model: curve: expected a function, got 1'],
    [
      'rows beside data',
      { residuals() {}, observations: 3 },
      'model: observations: expected none if the data have columns, got 3',
    ],
  ]
  test.each(cases)('is refused if the function returns invalid results: %s', (_, model, words) => {
    expect(() => fitOne(model as never, data, { start })).toThrow(words)
  })

  test('with a wrong derivative is reported once', () => {
    const wrong = {
      ...curve,
      jacobian(p: Decay, out: Readonly<Record<Names, Float64Array>>) {
        jacobian(p, out)
        for (const [row, slope] of out.b.entries()) out.b[row] = -slope
      },
    }
    expect(() => fitOne(wrong, data, { start })).toThrow(
      /^model: jacobian: expected .* by b in row 1 \(finite differences\)/,
    )
    let calls = 0
    const right = {
      ...curve,
      jacobian(...all: Parameters<typeof jacobian>) {
        calls++
        jacobian(...all)
      },
    }
    const found = fitOne(right, data, { start })
    // The check takes seven more passes than the number of points.
    expect(found.evaluations).toBeLessThan(calls + 10)
    expect(profile(found, 'b').b.lowReason).toBe('found')
  })
})

test('an invalid function model is refused before the function is called', () => {
  const never = () => {
    throw new Error('called')
  }
  const refused = (options: object, words: string | RegExp, given: object = data): void =>
    expect(() => fitOne(never as never, given as never, { start, ...options } as never)).toThrow(words)
  refused({ engine: 'native' }, 'engine: expected \'typescript\' if the model is a function, got "native"')
  refused(
    { method: antigrad.ruleMethod(antigrad.adam()) },
    'method: expected none if the model is a function',
  )
  refused(
    { covariance: covarianceMatrix(y.map((_, i) => y.map((_, j) => Number(i === j)))) },
    'covariance: expected none for a function model',
  )
  refused({ finiteDifferences: 3 }, 'finiteDifferences')
  refused({ finiteDifferences: { order: 1, step: 0 } }, 'step')
  refused({ start: undefined }, 'called, as in models.line()')
  refused({ start: { a: { min: 0 } } }, 'start: a')
  refused({}, 'y: expected one of t, z, got "y"', { t, z: y })
  refused({}, 'names that do not begin with @', { '@rows': t, y })
  expect(() => fitOne(models.line as never, data)).toThrow('called, as in models.line()')
  expect(() => fitOne({ residuals() {} } as never, {}, { start } as never)).toThrow(
    'data: expected at least one column',
  )
  expect(() => fitOne(residuals, data, { start, y: 'y' } as never)).toThrow('y: expected none')
  expect(() => fitOne(text, data, { start, finiteDifferences: 2 })).toThrow(
    'finiteDifferences: expected none',
  )
})
