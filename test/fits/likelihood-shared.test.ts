/** Fits by likelihood of groups that share parameters. */

import { expression } from 'antigrad'
import {
  bootstrap,
  bootstrapSync,
  compare,
  derive,
  fit,
  fitShared,
  fitSharedSync,
  normal,
  poisson,
  profile,
} from 'antigrad/fit'
import { RandomGenerator } from 'antigrad/math'
import { expect, test } from 'vitest'

const t = [0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24]
const y = [9.1, 8.4, 6.6, 5.6, 4.2, 3.1, 1.9, 0.9, 0.42, 0.09]
const groups = [0, 1, 2].map((k) => y.map((v, row) => v * (1 + 0.3 * k) * (1 + 0.03 * ((row * (k + 3)) % 5))))
const decay = expression('a*exp(-b*t)')
const proportional = normal({ sigma: 'prop*f' })
const start = { a: 8, b: 0.1, prop: 0.1 }
const grouped = { t: groups.map(() => t), y: groups }

test('shared and local parameters equal the parameters of one fit with a parameter per group', () => {
  const found = fitSharedSync(decay, grouped, { shared: ['b'], start, distribution: proportional })
  const data = {
    t: [...t, ...t, ...t],
    g: groups.flatMap((_, k) => t.map(() => k)),
    y: groups.flat(),
  }
  const select = (name: string) => `(g == 0 ? ${name}0 : g == 1 ? ${name}1 : ${name}2)`
  const whole = fit(expression(`${select('a')}*exp(-b*t)`), data, {
    y: 'y',
    distribution: normal({ sigma: `${select('prop')}*f` }),
    start: { a0: 8, a1: 8, a2: 8, b: 0.1, prop0: 0.1, prop1: 0.1, prop2: 0.1 },
  })
  expect([found.reason, found.message]).toEqual(['converged', ''])
  expect(found.minus2LogLikelihood).toBeCloseTo(whole.minus2LogLikelihood, 9)
  expect([found.aic, found.bic]).toEqual([expect.closeTo(whole.aic, 9), expect.closeTo(whole.bic, 9)])
  expect(found.values.shared.b).toBeCloseTo(whole.values.b, 10)
  expect(found.errors.shared.b).toBeCloseTo(whole.errors.b, 9)
  for (const k of [0, 1, 2] as const) {
    expect(found.values.local.prop[k]).toBeCloseTo(whole.values[`prop${k}`], 9)
    expect(found.errors.local.a[k]).toBeCloseTo(whole.errors[`a${k}`], 8)
  }
  const ends = profile(whole, ['b', 'prop1'])
  expect(profile(found).b.low).toBeCloseTo(ends.b.low, 8)
  expect(profile(found.at(1), 'prop').prop.high).toBeCloseTo(ends.prop1.high, 8)
  const group = found.at(1)
  const inOrder = ['a', 'b', 'prop'].map((name) => group.free.indexOf(name))
  const [a, b] = inOrder
  expect(group.covariance[a][b]).toBeCloseTo(whole.covariance[1][3], 9)
  expect(group.residualsOf('pearson')[2]).toBeCloseTo(whole.residualsOf('pearson')[12], 8)
})

test('a column of labels and subsets place the parameters, with the same bits on every engine', async () => {
  const data = {
    t: [...t, ...t, ...t],
    y: groups.flat(),
    tube: ['A', 'B', 'C'].flatMap((label) => t.map(() => label)),
    assay: ['x', 'y', 'x'].flatMap((label) => t.map(() => label)),
  }
  const options = {
    y: 'y',
    group: 'tube',
    shared: ['b'],
    sharedBy: { prop: 'assay' },
    start,
    distribution: proportional,
  }
  const reference = await fitShared(decay, data, { ...options, engine: 'typescript' })
  expect(reference.shared).toEqual(['b', 'prop[x]', 'prop[y]'])
  expect(reference.at(0).values.prop).toBe(reference.at(2).values.prop)
  expect(reference.values.sharedBy.prop[1]).toBe(reference.at(1).values.prop)
  for (const engine of ['wasm', 'native'] as const) {
    const other = await fitShared(decay, data, { ...options, engine })
    expect([other.values, other.errors, other.minus2LogLikelihood]).toEqual([
      reference.values,
      reference.errors,
      reference.minus2LogLikelihood,
    ])
  }
})

test('a group without information has a reason of its own', () => {
  const x = [0, 1, 2, 3]
  const counts = [[3, 4, 9, 14], [0, 0, 0, 0], [5, 8, 13, 30], []]
  const found = fitSharedSync(
    expression('exp(a + b*x)'),
    { x: counts.map((own) => x.slice(0, own.length)), y: counts },
    { shared: ['b'], start: { a: 1, b: 0.3 }, distribution: poisson() },
  )
  expect(found.reason).toBe('converged')
  expect([0, 1, 2, 3].map((k) => found.at(k).reason)).toEqual([
    'converged',
    'singular',
    'converged',
    'too-few-points',
  ])
  expect(found.unidentifiable).toEqual(['a[1]'])
  expect(found.message).toContain('left out for fewer rows than local parameters: 3')
  expect(found.errors.local.a[1]).toBeNaN()
})

test('further starts of σ make the minimum independent of the start', () => {
  const random = new RandomGenerator(3)
  const times = [0.5, 2, 4, 8, 12]
  const scatter = normal({ sigma: 'sqrt(add^2 + (prop*f)^2)' })
  for (let set = 0; set < 4; set++) {
    const noisy = [8, 11].map((a) =>
      times.map((v) => {
        const f = a * Math.exp(-0.2 * v)
        return f + Math.hypot(0.2, 0.1 * f) * random.normal()
      }),
    )
    const lowest = (add: number, prop: number) =>
      fitSharedSync(
        decay,
        { t: [times, times], y: noisy },
        { shared: ['b', 'add', 'prop'], start: { a: 8, b: 0.1, add, prop }, distribution: scatter },
      ).minus2LogLikelihood
    const ends = [
      [0.5, 0.01],
      [0.01, 0.2],
      [0.2, 0.1],
      [0.5, 0.5],
      [1, 0.001],
      [0.001, 0.1],
    ].map(([add, prop]) => lowest(add, prop))
    expect(Math.max(...ends) - Math.min(...ends)).toBeLessThan(1e-6)
  }
})

test('invalid roles, groups and responses are errors before the fit', () => {
  const wrong = (data: object, options: object) => () =>
    fitSharedSync(decay, data as never, { shared: ['b'], start, distribution: proportional, ...options })
  expect(wrong(grouped, { shared: ['c'] })).toThrow('shared: expected names among')
  expect(wrong(grouped, { start: { ...start, b: [1, 2, 3] } })).toThrow('it is shared')
  expect(wrong(grouped, { sigma: 'f' })).toThrow('normal({ sigma })')
  expect(wrong(grouped, { distribution: normal({ sigma: 'prop', estimate: 'reml' }) })).toThrow('estimate')
  expect(wrong(grouped, { start: { ...start, prop: [0.1, 0, 0.1] } })).toThrow('in row 0 of group 1')
  expect(() =>
    fitSharedSync([decay, decay] as never, grouped, { shared: ['b'], start, distribution: proportional }),
  ).toThrow('one model if distribution is set')
  const missing = { ...grouped, y: [groups[0], groups[1].with(3, Number.NaN), groups[2]] }
  const found = fitSharedSync(decay, missing, { shared: ['b'], start, distribution: proportional })
  expect(found.reason).toBe('not-finite')
  expect(found.message).toContain('group 1')
  expect(found.values.shared.b).toBe(0.1)
})

test('a group has no bootstrap without the other groups', () => {
  const found = fitSharedSync(decay, grouped, { shared: ['b'], start, distribution: proportional })
  expect(() => bootstrapSync(found.at(0) as never)).toThrow('expected the result of fitShared')
})

test('quantities combine the parameters of groups', () => {
  const found = fitSharedSync(decay, grouped, { shared: ['b'], start, distribution: proportional })
  const { ratio, half } = derive(found, { ratio: 'a[1]/a[0]', half: 'log(2)/b' })
  // A model with the ratio as a parameter has the same standard error.
  const model = expression('(g == 0 ? a0 : g == 1 ? ratio*a0 : a2)*exp(-b*t)')
  const data = { t: [...t, ...t, ...t], g: groups.flatMap((_, k) => t.map(() => k)), y: groups.flat() }
  const whole = fit(model, data, {
    y: 'y',
    distribution: normal({ sigma: '(g == 0 ? p0 : g == 1 ? p1 : p2)*f' }),
    start: { a0: 8, a2: 8, ratio: 1.2, b: 0.1, p0: 0.1, p1: 0.1, p2: 0.1 },
    derive: { half: 'log(2)/b' },
  })
  const [low, high] = whole.intervals().ratio
  expect(ratio.value).toBeCloseTo(whole.values.ratio, 9)
  expect(ratio.error).toBeCloseTo(whole.errors.ratio, 9)
  expect([ratio.low, ratio.high]).toEqual([expect.closeTo(low, 8), expect.closeTo(high, 8)])
  expect(half.error).toBeCloseTo(whole.errors.half, 9)
  expect(() => derive(found, { q: 'b[1]' })).toThrow('b without a group (it is shared)')
  expect(() => derive(found, { q: 'a[9]' })).toThrow('expected b, a[group], prop[group]')
  expect(() => derive(found.at(0) as never, { q: 'a' })).toThrow('the result of fitShared')
})

test('profiles of derived quantities of a group equal the profiles of one fit with a parameter per group', () => {
  // The quantity takes the place of a shared parameter in half and mix, and of a local parameter in own.
  const derive = (a: string) => ({ half: 'log(2)/b', mix: `b + 1e-3*${a}`, own: `${a}*${a}` })
  const options = { shared: ['b'], start, distribution: proportional, derive: derive('a') }
  const found = fitSharedSync(decay, grouped, options)
  const select = (name: string) => `(g == 0 ? ${name}0 : g == 1 ? ${name}1 : ${name}2)`
  const data = { t: [...t, ...t, ...t], g: groups.flatMap((_, k) => t.map(() => k)), y: groups.flat() }
  const whole = fit(expression(`${select('a')}*exp(-b*t)`), data, {
    y: 'y',
    distribution: normal({ sigma: `${select('prop')}*f` }),
    start: { a0: 8, a1: 8, a2: 8, b: 0.1, prop0: 0.1, prop1: 0.1, prop2: 0.1 },
    derive: derive('a1'),
  })
  const names = ['half', 'mix', 'own'] as const
  const [ours, theirs] = [profile(found.at(1), [...names]), profile(whole, [...names])]
  for (const name of names) {
    expect(ours[name].low / theirs[name].low).toBeCloseTo(1, 8)
    expect(ours[name].high / theirs[name].high).toBeCloseTo(1, 8)
    expect(ours[name].highReason).toBe('found')
  }
  expect(() => profile(found, 'half')).toThrow('names: expected names among b')
})

test('the profile of a derived quantity continues along a bound, and ends if no parameter can move', () => {
  const bounded = {
    a: { start: 8, max: 10 },
    b: { start: 0.19, min: 0.18, max: 0.2 },
    prop: 0.1,
  }
  const derive = { half: 'log(2)/b', area: 'a/b', sum: 'a + b' }
  const found = fit(decay, { t, y }, { start: bounded, distribution: proportional, derive })
  const { half, area, sum } = profile(found)
  expect([half.lowReason, half.low]).toEqual(['bound', expect.closeTo(Math.log(2) / 0.2, 12)])
  expect([sum.highReason, sum.high]).toEqual(['bound', expect.closeTo(10.2, 12)])
  expect(half.message).toContain('at a bound')
  // The endpoint lies on the bound of a.
  expect(area.highReason).toBe('found')
  const b = 10 / area.high
  const at = fit(
    decay,
    { t, y },
    {
      start: { a: { start: 10, fixed: true }, b: { start: b, fixed: true }, prop: 0.1 },
      distribution: proportional,
    },
  )
  expect(at.minus2LogLikelihood - found.minus2LogLikelihood).toBeCloseTo(3.841458820694124, 6)
})

test('fits of groups are compared and ranked', () => {
  const options = { start, distribution: proportional }
  const local = fitSharedSync(decay, grouped, { ...options, shared: ['b'] })
  const shared = fitSharedSync(decay, grouped, { ...options, shared: ['b', 'prop'] })
  const tested = compare(shared, local, { nested: true })
  expect(tested.degreesOfFreedom).toBe(2)
  expect(tested.statistic).toBeCloseTo(shared.minus2LogLikelihood - local.minus2LogLikelihood, 9)
  expect(tested.deltaAic).toBeCloseTo(local.aic - shared.aic, 9)
  expect(compare([local, shared]).map(({ parameters }) => parameters)).toEqual([5, 7])
  const fewer = { t: [t, t], y: groups.slice(1) }
  const other = fitSharedSync(decay, fewer, { ...options, shared: ['b'] })
  expect(() => compare(local, other)).toThrow('b: expected a fit of 3 groups, got "2 groups"')
})

test('a bootstrap of one group equals the bootstrap of a single fit', () => {
  const limit = 0.5
  const below = y.map((value) => Number(value < limit))
  const data = { t, y: y.map((value) => Math.max(value, limit)), below }
  const options = {
    y: 'y',
    start,
    distribution: normal({ sigma: 'prop*f', below: 'below' }),
    derive: { half: 'log(2)/b' },
  }
  const single = fit(decay, data, options)
  const grouped = Object.fromEntries(Object.entries(data).map(([name, rows]) => [name, [rows]]))
  const found = fitSharedSync(decay, grouped, { ...options, shared: ['b'] })
  for (const kind of ['parametric', 'cases'] as const) {
    const [ours, theirs] = [
      bootstrapSync(found, { count: 40, seed: 3, kind }),
      bootstrap(single, { count: 40, seed: 3, kind }),
    ]
    expect([ours.count, ours.failed, ours.message]).toEqual([theirs.count, theirs.failed, theirs.message])
    const [own, other] = [ours.at(0), theirs]
    for (const name of ['a', 'b', 'prop', 'half'] as const) {
      for (const [k, value] of other.values[name].entries())
        expect(own.values[name][k] / value).toBeCloseTo(1, 6)
      const [ends, expected] = [own.intervals()[name], other.intervals()[name]]
      for (const side of [0, 1] as const) expect(ends[side] / expected[side]).toBeCloseTo(1, 6)
    }
    expect(ours.errors.shared.b).toBe(own.errors.b)
    expect(ours.intervals().low.local.a[0]).toBe(own.intervals().a[0])
  }
})

test('a bootstrap draws every group, and fits all groups together', async () => {
  const found = fitSharedSync(decay, grouped, { shared: ['b', 'prop'], start, distribution: proportional })
  const all = await bootstrap(found, { count: 200, seed: 1 })
  expect([all.count, all.failed, all.length]).toEqual([200, 0, 3])
  expect(all.errors.shared.b / found.errors.shared.b).toBeCloseTo(1, 0)
  for (const g of [0, 1, 2]) {
    expect(all.errors.local.a[g] / found.errors.local.a[g]).toBeCloseTo(1, 0)
    expect(all.at(g).values.b).toEqual(all.at(0).values.b)
  }
  // The jackknife over the rows of all groups skews the interval.
  const cases = bootstrapSync(found, { count: 200, seed: 1, kind: 'cases' })
  const { low, high } = cases.intervals()
  expect(low.shared.prop).toBeLessThan(found.values.shared.prop)
  expect(high.shared.prop).toBeGreaterThan(found.values.shared.prop)
  expect(() => bootstrapSync(found, { count: 1e9 })).toThrow('count')
  expect(() => bootstrapSync(found, { kind: 'residuals' })).toThrow("kind: expected 'parametric' or 'cases'")
  const unsolved = fitSharedSync(
    decay,
    { ...grouped, y: [groups[0], groups[1].with(3, Number.NaN), groups[2]] },
    { shared: ['b'], start, distribution: proportional },
  )
  const none = bootstrapSync(unsolved)
  expect([none.count, none.message]).toEqual([0, 'no replicates: the fit has not converged'])
  expect(none.errors.shared.b).toBeNaN()
})

test('replicates that lose a local parameter count as failed', () => {
  const x = [0, 1, 2, 3]
  const counts = [[3, 4, 9, 14], [0, 0, 0, 0], [0, 1, 0, 0], []]
  const found = fitSharedSync(
    expression('exp(a + b*x)'),
    { x: counts.map((own) => x.slice(0, own.length)), y: counts },
    { shared: ['b'], start: { a: 1, b: 0.3 }, distribution: poisson() },
  )
  const all = bootstrapSync(found, { count: 100, seed: 1 })
  // Group 2 often draws no counts. Group 1 has no estimate in any replicate, and group 3 does not take part.
  expect(all.failed).toBeGreaterThan(10)
  expect(all.message).toContain('singular')
  expect(all.errors.shared.b).toBeGreaterThan(0)
  expect([...all.errors.local.a].map(Number.isNaN)).toEqual([false, true, false, true])
})
