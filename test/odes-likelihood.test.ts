/** Fits of differential equations by likelihood. */

import { readFileSync } from 'node:fs'
import { expression } from 'antigrad'
import {
  bootstrap,
  compare,
  type Distribution,
  derive,
  fitManySync,
  fit as fitOne,
  fitShared,
  gamma,
  type LikelihoodFit,
  lognormal,
  negativeBinomial,
  normal,
  ode,
  poisson,
  profile,
  student,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'

interface Reference {
  readonly family: string
  readonly model: string
  readonly options: Readonly<Record<string, string>>
  readonly names: readonly string[]
  readonly data: Readonly<Record<string, number[]>>
  readonly start: readonly number[]
  readonly values: readonly number[]
  readonly errors: readonly number[]
  readonly minus2LogLikelihood: number
  readonly profile: readonly [low: number | null, high: number | null]
}

/** Equations whose solutions are the models of the references. */
const equations: Readonly<Record<string, { initial: string; rate: string; time: string }>> = {
  'a*exp(-b*t)': { initial: 'a', rate: '-b*f1', time: 't' },
  'a + b*x': { initial: 'a', rate: 'b', time: 'x' },
  'exp(a + b*x)': { initial: 'exp(a)', rate: 'b*f1', time: 'x' },
}

const all: Reference[] = JSON.parse(readFileSync(new URL('data/likelihoods.json', import.meta.url), 'utf8'))
const references = all.filter(({ model }, k) => model in equations && all[k - 1]?.model !== model)

function distributionOf({ family, options, data }: Reference): Distribution {
  const marks = Object.fromEntries(
    ['below', 'above'].filter((name) => name in data).map((name) => [name, name]),
  )
  const makers: Readonly<Record<string, () => Distribution>> = {
    normal: () => normal({ ...options, ...marks }),
    lognormal: () => lognormal({ ...options, ...marks }),
    student: () => student({ ...options, ...marks }),
    poisson: () => poisson(marks),
    'negative-binomial': () => negativeBinomial({ ...options, ...marks }),
    gamma: () => gamma({ ...options, ...marks }),
  }
  return makers[family]()
}

describe('estimates equal references with 34 digits', () => {
  test.each(references.map((one) => [`${one.family}, ${one.model}`, one] as const))('%s', (_, reference) => {
    const { names, values, errors, model, data, start } = reference
    const { initial, rate, time } = equations[model]
    const found = fitOne(
      ode({ states: { f1: initial }, rates: { f1: rate }, time, observe: 'f1', rtol: 1e-10 }),
      data,
      {
        y: 'y',
        start: Object.fromEntries(
          names.map((name, i) => [name, name === 'power' ? { start: start[i], min: -Infinity } : start[i]]),
        ),
        distribution: distributionOf(reference),
      },
    ) as LikelihoodFit
    expect([found.reason, found.message]).toEqual(['converged', ''])
    expect(found.minus2LogLikelihood / reference.minus2LogLikelihood).toBeCloseTo(1, 8)
    for (const [i, name] of names.entries()) {
      const value = name === 'add' ? Math.abs(values[i]) : values[i]
      expect(Math.abs(found.values[name] - value), name).toBeLessThan(
        1e-6 * Math.max(Math.abs(value), errors[i]),
      )
      expect(found.errors[name] / errors[i], `error of ${name}`).toBeCloseTo(1, 5)
    }
    const { low, high } = profile(found, [names[0]])[names[0]]
    for (const [end, expected] of [
      [low, reference.profile[0]],
      [high, reference.profile[1]],
    ] as const)
      if (expected !== null)
        expect(Math.abs(end - expected)).toBeLessThan(1e-4 * Math.abs(expected - values[0]))
  })
})

const t = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16]
const scatter = [0.1, -0.14, 0.06, 0.11, -0.08, -0.12, 0.13, -0.05, 0.09, -0.11]
const y = t.map((time, row) => 6 * (Math.exp(-0.15 * time) - Math.exp(-1.2 * time)) * (1 + scatter[row]))
const oral = ode({
  states: { gut: 0, plasma: 0 },
  rates: { gut: '-ka*gut', plasma: 'ka*gut/v - ke*plasma' },
  observe: 'plasma',
  doses: [{ state: 'gut', time: 0, amount: 100 }],
})
const curve = expression('100*ka/(v*(ka - ke))*(exp(-ke*t) - exp(-ka*t))')
const start = { ka: { start: 1, min: 0 }, ke: { start: 0.1, min: 0 }, v: { start: 15, min: 0 }, prop: 0.2 }
const distribution = normal({ sigma: 'prop*f' })

test('all results equal the results of the same model as an expression', () => {
  const options = { start, distribution, derive: { cl: 'ke*v' } }
  const [found, exact] = [fitOne(oral, { t, y }, options), fitOne(curve, { t, y }, options)]
  expect([found.reason, found.message]).toEqual(['converged', ''])
  expect(found.predictedDecrease).toBeLessThan(1e-9)
  for (const name of ['ka', 'ke', 'v', 'prop', 'cl'] as const) {
    expect(found.values[name] / exact.values[name]).toBeCloseTo(1, 6)
    expect(found.errors[name] / exact.errors[name]).toBeCloseTo(1, 5)
  }
  expect([found.aic, found.bic]).toEqual([expect.closeTo(exact.aic, 6), expect.closeTo(exact.bic, 6)])
  const [ends, exactEnds] = [profile(found, ['cl', 'ka']), profile(exact, ['cl', 'ka'])]
  for (const name of ['cl', 'ka'] as const) {
    expect(ends[name].low).toBeCloseTo(exactEnds[name].low, 6)
    expect(ends[name].high).toBeCloseTo(exactEnds[name].high, 6)
  }
  const band = found.band({ t: [5] }, { kind: 'prediction' })
  const exactBand = exact.band({ t: [5] }, { kind: 'prediction' })
  expect([band.low[0], band.high[0]]).toEqual([
    expect.closeTo(exactBand.low[0], 5),
    expect.closeTo(exactBand.high[0], 5),
  ])
  expect(found.residualsOf('quantile')[3]).toBeCloseTo(exact.residualsOf('quantile')[3], 5)
  const half = { half: 'log(2)/ke' }
  expect(derive(found, half).half.error).toBeCloseTo(derive(exact, half).half.error, 5)
  expect(bootstrap(found, { count: 4 }).errors.ke).toBeCloseTo(bootstrap(exact, { count: 4 }).errors.ke, 5)
  const { ka, ke, v } = start
  const additive = normal({ sigma: 'add' })
  const constant = fitOne(oral, { t, y }, { start: { ka, ke, v, add: 0.1 }, distribution: additive })
  expect(compare([found, constant]).length).toBe(2)
})

test('many fits have the same bits on every engine', () => {
  const many = Array.from({ length: 3 }, (_, k) =>
    y.map((value, row) => value * (1 + 0.02 * ((row * (k + 2)) % 5))),
  )
  const solve = (engine?: 'native' | 'wasm' | 'typescript') =>
    fitManySync(oral, { t, y: many }, { start, distribution, ...(engine && { engine }) })
  const plain = solve()
  expect([0, 1, 2].map((k) => plain.at(k).reason)).toEqual(['converged', 'converged', 'converged'])
  for (const engine of ['native', 'wasm', 'typescript'] as const) {
    const found = solve(engine)
    expect(found.engine).toBe(engine)
    expect(found.values).toEqual(plain.values)
    expect(found.errors).toEqual(plain.errors)
    expect(found.minus2LogLikelihood).toEqual(plain.minus2LogLikelihood)
  }
  const one = fitOne(oral, { t, y: many[1] }, { start, distribution })
  expect([plain.values.ka[1], plain.errors.ka[1]]).toEqual([one.values.ka, one.errors.ka])
})

test('groups share parameters', async () => {
  const groups = [1, 0.8].map((factor) =>
    y.map((value, row) => factor * value * (1 + scatter[(row + 3) % 10] / 3)),
  )
  const data = { t: groups.map(() => t), y: groups }
  const options = { start, shared: ['ka', 'ke', 'prop'], distribution }
  const found = await fitShared(oral, data, options)
  const exact = await fitShared(curve, data, options)
  expect([found.reason, found.message]).toEqual(['converged', ''])
  expect(found.minus2LogLikelihood).toBeCloseTo(exact.minus2LogLikelihood, 6)
  expect(found.values.shared.ke / exact.values.shared.ke).toBeCloseTo(1, 6)
  expect(found.errors.shared.prop / exact.errors.shared.prop).toBeCloseTo(1, 5)
  expect(found.errors.local.v[1] / exact.errors.local.v[1]).toBeCloseTo(1, 5)
  expect(profile(found).ke.low).toBeCloseTo(profile(exact).ke.low, 6)
})

test('each observed quantity has its own σ', () => {
  const chain = ode({
    states: { A: 'dose', B: 0 },
    rates: { A: '-k1*A', B: 'k1*A - k2*B' },
    observe: { parent: 'A', metabolite: 'B' },
  })
  const times = [0, 1, 2, 4, 8]
  const parent = [10.1, 6, null, 1.4, 0.2]
  const metabolite = [0.1, 3.4, 4.4, null, 2.2]
  const found = fitOne(
    chain,
    { t: times, parent, metabolite },
    {
      start: { dose: 9, k1: 1, k2: 0.1, s0: 0.2, s1: 0.2 },
      distribution: normal({ sigma: 'observable == 0 ? s0 : s1' }),
    },
  )
  expect([found.reason, found.observations]).toEqual(['converged', 8])
  const squares = Array.from(found.residuals)
    .filter((r) => !Number.isNaN(r))
    .map((r) => r * r)
  const mean = (some: readonly number[]) => some.reduce((sum, x) => sum + x, 0) / some.length
  expect(found.values.s0 ** 2).toBeCloseTo(mean(squares.slice(0, 4)), 6)
  expect(found.values.s1 ** 2).toBeCloseTo(mean(squares.slice(4)), 6)
})

test('a fit that cannot start says why', () => {
  const explosion = ode({ states: { x: 1 }, rates: { x: 'k*x^2' }, observe: 'x' })
  const data = { t: [0.1, 0.5, 2], y: [1, 2, 3] }
  const found = fitOne(explosion, data, { start: { k: 1, sigma: 1 }, distribution: normal() })
  expect(found.reason).toBe('not-finite')
  expect(found.message).toContain('before row 2')
  expect(() =>
    fitOne(oral, { t, y: t.map(() => -1) }, { start: { ka: 1, ke: 1, v: 1 }, distribution: poisson() }),
  ).toThrow('counts')
  expect(() => fitOne(oral, { t, y }, { start: { ka: 1, ke: 1, prop: 1 }, distribution })).toThrow('start: v')
  const functionModel = (() => 1) as never
  expect(() => fitOne(functionModel, { y }, { start: { a: 1 }, distribution })).toThrow(
    'an expression or a model of ode',
  )
})
