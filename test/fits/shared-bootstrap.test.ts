/** The bootstrap of fits with shared parameters, which for a single group equals that of a plain fit. */

import { type EngineName, engines, expression } from 'antigrad'
import {
  bootstrap,
  bootstrapSync,
  fit as fitOne,
  fitShared,
  fitSharedSync,
  type SharedOptions,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'

const decay = expression('a*exp(-k*x) + c')
const start = { a: 4, c: 0.5, k: 1 }
const kinds = ['residuals', 'cases', 'parametric'] as const

/** Decays with a common rate. */
function decays(groups: number, rows: number, seed = 1) {
  const next = random(seed)
  const x = Array.from({ length: rows }, (_, row) => (6 * row) / rows)
  const y = Array.from({ length: groups }, () => {
    const [a, c] = [2 + 6 * next(), next()]
    return x.map((at) => a * Math.exp(-0.7 * at) + c + 0.2 * (next() - 0.5))
  })
  return { x, y }
}

/** The largest difference of columns, in units; NaN must match NaN. */
function farthest(ours: ArrayLike<number>, theirs: ArrayLike<number>, unit: number): number {
  expect(ours.length).toBe(theirs.length)
  return Array.from(ours).reduce((most, x, k) => {
    expect(Number.isNaN(x)).toBe(Number.isNaN(theirs[k]))
    return Math.max(most, Math.abs(x - theirs[k]) / unit || 0)
  }, 0)
}

describe.each(kinds)('in the shared bootstrap of %s,', (kind) => {
  test('a single group has the same replicates, intervals and bands as an ordinary fit', () => {
    const { x, y } = decays(1, 14)
    const given = { a: { start: 4, positive: true }, c: 0.5, k: 1 }
    const derive = { half: 'log(2)/k' }
    const one = fitOne(decay, { x, y: y[0] }, { start: given, derive, tolerance: 1e-13 })
    const found = fitSharedSync(decay, { x, y }, { shared: ['k'], start: given, derive, tolerance: 1e-13 })
    const options = { kind, count: 150, seed: 7 } as const
    const [golden, all] = [bootstrap(one, options), bootstrapSync(found, options)]
    const ours = all.at(0)
    expect(all.count).toBe(150)
    expect(Array.from(ours.reason)).toEqual(Array.from(golden.reason))
    for (const name of ['a', 'c', 'k', 'half'] as const) {
      const unit = one.errors[name]
      expect(farthest(ours.values[name], golden.values[name], unit)).toBeLessThan(1e-5)
      expect(ours.errors[name] / golden.errors[name]).toBeCloseTo(1, 5)
      for (const method of ['bca', 'percentile'] as const)
        expect(
          farthest(ours.intervals(0.9, method)[name], golden.intervals(0.9, method)[name], unit),
        ).toBeLessThan(1e-4)
    }
    const [band, other] = [ours.band({ x: [0.5, 3] }), golden.band({ x: [0.5, 3] })]
    expect(farthest(band.low, other.low, one.errors.c)).toBeLessThan(1e-4)
    expect(farthest(band.high, other.high, one.errors.c)).toBeLessThan(1e-4)
    const ends = all.intervals(0.9)
    expect([ends.low.shared.k, ends.high.shared.k]).toEqual(ours.intervals(0.9).k)
    expect([ends.low.local.a[0], ends.high.local.a[0]]).toEqual(ours.intervals(0.9).a)
    expect(all.errors.local.c[0]).toBe(ours.errors.c)
    expect(all.bias.shared.k).toBe(ours.bias.k)
  })

  test('all engines and calls compute the same bits', async () => {
    const { x, y } = decays(5, 9, 3)
    const of = (more: Partial<SharedOptions>) =>
      fitSharedSync(decay, { x, y }, { shared: ['k'], start, ...more })
    const numbers = ({ values }: { values: Readonly<Record<string, Float64Array>> }) =>
      Object.values(values).map((column) => inBits(column))
    const known = Object.entries(engines()).filter(([, { available }]) => available)
    const there = known.map(([name]) => name as EngineName)
    const all = there.map((engine) => bootstrapSync(of({ engine }), { kind, count: 4, seed: 2 }))
    const promised = await bootstrap(await fitShared(decay, { x, y }, { shared: ['k'], start }), {
      ...{ kind, count: 4, seed: 2 },
    })
    for (const group of [0, 4]) {
      const [first, ...others] = [...all, promised].map((one) => numbers(one.at(group)))
      for (const other of others) expect(other).toEqual(first)
    }
    // Fewer replicates are the first ones of a longer run.
    const fewer = bootstrapSync(of({}), { kind, count: 2, seed: 2 })
    const values = (one: typeof fewer) => Array.from(one.at(3).values.a)
    expect(values(fewer)).toEqual(values(promised).slice(0, 2))
    expect(new Set(values(promised)).size).toBe(4)
    expect(values(bootstrapSync(of({}), { kind, count: 2, seed: 3 }))).not.toEqual(values(fewer))
  })

  test('standard errors and intervals of linear models agree with the covariance matrix', () => {
    const line = expression('a*x + b')
    const x = Array.from({ length: 30 }, (_, row) => row / 10)
    const next = random(5)
    const y = [1, 2, 4].map((b) => x.map((at) => 2 * at + b + (next() + next() + next() - 1.5)))
    const found = fitSharedSync(line, { x, y }, { shared: ['a'], start: { a: 1, b: 1 } })
    const all = bootstrapSync(found, { kind, count: 1500, seed: 11 })
    const { errors } = all
    const ends = all.intervals(0.9)
    const near = (ours: number, golden: number, part: number) =>
      expect(Math.abs(ours / golden - 1)).toBeLessThan(part)
    near(errors.shared.a, found.errors.shared.a, 0.2)
    const usual = found.intervals(0.9)
    near(ends.high.shared.a - ends.low.shared.a, usual.high.shared.a - usual.low.shared.a, 0.25)
    for (const [k, error] of found.errors.local.b.entries()) {
      near(errors.local.b[k], error, 0.3)
      near(ends.high.local.b[k] - ends.low.local.b[k], usual.high.local.b[k] - usual.low.local.b[k], 0.35)
    }
  })
})

test('shared parameters have the same bias-corrected intervals as in an ordinary fit with indicator columns', () => {
  const { x, y } = decays(3, 12, 9)
  const is = [0, 1, 2].map((k) => y.flatMap((column, other) => column.map(() => Number(k === other))))
  const sum = (name: string) => [0, 1, 2].map((k) => `${name}${k}*g${k}`).join(' + ')
  const one = fitOne(
    expression(`(${sum('a')})*exp(-k*x) + ${sum('c')}`),
    { x: y.flatMap(() => x), y: y.flat(), g0: is[0], g1: is[1], g2: is[2] },
    { start: { k: 1, a0: 4, a1: 4, a2: 4, c0: 0.5, c1: 0.5, c2: 0.5 }, y: 'y' },
  )
  const found = fitSharedSync(decay, { x, y }, { shared: ['k'], start })
  const options = { count: 3000, seed: 1 } as const
  const [golden, ours] = [bootstrap(one, options), bootstrapSync(found, options)]
  /** The distance of the 'bca' endpoints from the 'percentile' endpoints in errors, due to bias and skewness. */
  const off = (of: { intervals: typeof golden.intervals }, name: string) => {
    const [bca, plain] = (['bca', 'percentile'] as const).map((method) => of.intervals(0.9, method))
    return [0, 1].map((end) => (bca[name as 'k'][end] - plain[name as 'k'][end]) / one.errors[name as 'k'])
  }
  expect(ours.count).toBe(3000)
  for (const [k, group] of [0, 1, 2].entries()) {
    const told = ours.at(group)
    const [low, high] = [0, 1].map((end) => {
      const [bca, plain] = [told.intervals(0.9), told.intervals(0.9, 'percentile')]
      return (bca.a[end] - plain.a[end]) / told.errors.a
    })
    const expected = off(golden as never, `a${k}`)
    expect(Math.abs(low - expected[0])).toBeLessThan(0.2)
    expect(Math.abs(high - expected[1])).toBeLessThan(0.2)
  }
})

test('a shared parameter has the same bootstrap interval in all groups', () => {
  const { x, y } = decays(3, 12, 4)
  const outlying = y.map((of, k) => of.map((at, row) => (k === 0 && row === 3 ? at + 2 : at)))
  const all = bootstrapSync(fitSharedSync(decay, { x, y: outlying }, { shared: ['k'], start }), {
    ...{ kind: 'cases', count: 400, seed: 3 },
  })
  const [first, ...others] = [0, 1, 2].map((group) => all.at(group).intervals(0.9).k)
  for (const other of others) expect(other).toEqual(first)
  expect(all.at(0).intervals(0.9, 'percentile').k).not.toEqual(first)
})

test('a shared bootstrap without possible replicates reports the reason', () => {
  const x = [0, 1, 2, 3]
  const flat = fitSharedSync(
    decay,
    {
      x,
      y: [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ],
    },
    { shared: ['k'], start: { a: 0, c: 1, k: 1 } },
  )
  expect(flat.reason).not.toBe('converged')
  const none = bootstrapSync(flat, { count: 5 })
  expect([none.count, none.failed, none.message]).toEqual([
    ...[0, 0, 'no replicates: the fit has not converged'],
  ])
  expect(none.errors.shared.k).toBeNaN()
  const { y } = decays(2, 8)
  const counts = fitSharedSync(
    decay,
    { x: Array.from(y[0], (_, row) => row), y: y.map((of) => of.map((at) => Math.round(20 * Math.abs(at)))) },
    { shared: ['k'], loss: 'poisson', start: { a: 60, c: { start: 9, min: 0 }, k: 0.7 } },
  )
  expect(() => bootstrapSync(counts)).toThrow(/kind.*for counts/)
  expect(() => bootstrapSync(counts, { kind: 'cases', count: 1_000_000_0 })).toThrow(/count/)
})

test('a shared bootstrap reports progress, and ends if the signal is aborted', async () => {
  const { x, y } = decays(3, 9)
  const found = fitSharedSync(decay, { x, y }, { shared: ['k'], start })
  const stop = new AbortController()
  const told: number[] = []
  const refits = bootstrap(found, {
    count: 100_000,
    signal: stop.signal,
    onProgress: (done) => {
      told.push(done)
      if (done === 3) stop.abort(new Error('enough'))
    },
  })
  await expect(refits).rejects.toThrow('enough')
  // Progress can be reported twice, and can be 0, if the machine is slow.
  expect([...new Set(told)].filter((done) => done > 0).slice(0, 3)).toEqual([1, 2, 3])
  expect(told.length).toBeLessThan(2000)
})
