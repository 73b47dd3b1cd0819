/** Profiles of all parameters of a shared fit in one call. */

import { engines, expression } from 'antigrad'
import {
  fitManySync,
  fit as fitOne,
  fitShared,
  fitSharedSync,
  models,
  profile,
  profileEndReasons,
  profileSync,
  type SharedFit,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'

const next = random(54)
const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
const doses = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]

/** Wells of a plate. Every third well has one dose less than the other wells. */
const wells = Array.from({ length: 9 }, (_, k) => {
  const [ec50, slope] = [10 ** (next() - 0.5), 0.8 + next()]
  const x = k % 3 === 2 ? doses.slice(1) : doses
  return { x, y: x.map((dose) => 5 + 90 / (1 + (ec50 / dose) ** slope) + 3 * normal()) }
})
const data = { x: wells.map(({ x }) => x), y: wells.map(({ y }) => y) }
const plate = (options: object = {}) =>
  fitSharedSync(models.fourPL(), data, { shared: ['top', 'bottom'], ...options })

/** Two models that share a rate, and a parameter per subset of groups. */
function twoModels(options: object = {}): SharedFit {
  const x = Array.from({ length: 8 }, (_, k) => k / 2)
  const fall = (a: number) => x.map((at) => a * Math.exp(-0.7 * at) + 1 + 0.1 * normal())
  const rise = (b: number) => x.map((at) => b * (1 - Math.exp(-0.7 * at)) + 0.1 * normal())
  // More endpoints than slots, so that searches end and begin while other searches wait for the second model.
  const sizes = Array.from({ length: 36 }, (_, k) => 3 + (k % 5))
  const modelOf = sizes.map((_, k) => k % 2)
  return fitSharedSync(
    [expression('a*exp(-k*x) + c'), expression('b*(1 - exp(-k*x))')],
    {
      x,
      y: sizes.map((size, k) => (modelOf[k] === 0 ? fall(size) : rise(size))),
      modelOf,
      side: sizes.map((_, k) => (k < 10 ? 'l' : 'r')),
    },
    { shared: ['k'], sharedBy: { c: 'side' }, start: { a: 4, b: 3, c: 1, k: 0.5 }, ...options },
  )
}

/** The profile of each parameter, one call per parameter. */
function oneByOne(found: SharedFit) {
  return [
    ...found.shared.map((name) => profileSync(found, name)),
    ...found.groups.flatMap((_, k) => {
      const group = found.at(k)
      return group.free.filter((name) => name in found.values.local).map((name) => profileSync(group, name))
    }),
  ]
}

/** The profiles of all parameters in the same order. */
function allInOne(found: SharedFit, profiles = profileSync(found)) {
  const reason = (codes: Uint8Array, k: number) => profileEndReasons[codes[k]]
  const row = ({ low, high, lowReason, highReason }: (typeof profiles)['local'][string], k: number) => ({
    ...{ low: low[k], high: high[k] },
    ...{ lowReason: reason(lowReason, k), highReason: reason(highReason, k) },
  })
  const shared = found.shared.map((name) => {
    const [stem, label] = name.replace(']', '').split('[')
    if (label === undefined) return profiles.shared[stem]
    return row(profiles.sharedBy[stem], found.subsetLabels[stem].indexOf(label))
  })
  const local = found.groups.flatMap((_, k) =>
    found
      .at(k)
      .free.filter((name) => name in found.values.local)
      .map((name) => row(profiles.local[name], k)),
  )
  return [...shared, ...local]
}

describe('profiles of all parameters of a shared fit', () => {
  test.each([
    ['a plate whose wells have different numbers of doses', plate],
    ['two models with a parameter per subset of groups', twoModels],
  ])('have the bits of profiles of single parameters: %s', (_, fitAll) => {
    const found = fitAll()
    expect(found.reason).toBe('converged')
    const all = allInOne(found)
    expect(all.length).toBeGreaterThan(7)
    expect(inBits(all)).toEqual(inBits(oneByOne(found)))
    for (const { low, high, lowReason, highReason } of all) {
      expect(high).toBeGreaterThan(low)
      expect([lowReason, highReason]).toEqual(['found', 'found'])
    }
  })

  test('are bit-identical on every engine and for every number of threads', async () => {
    const reference = inBits(profileSync(plate()))
    const known = Object.entries(engines()).filter(([, { available }]) => available)
    for (const [engine] of known) {
      for (const threads of engine === 'native' ? [1, 3] : [1]) {
        const found = plate({ engine, threads })
        expect(inBits(profileSync(found)), engine).toEqual(reference)
        expect(inBits(await profile(found)), engine).toEqual(reference)
      }
    }
  })

  test('reach the threshold: χ² of a fit with the parameter fixed at an endpoint exceeds χ² by F/n', () => {
    const found = plate()
    const { local, shared } = profileSync(found)
    // The 95% quantile of F(1, 49).
    const F = 4.038393
    expect(found.degreesOfFreedom).toBe(69 - 20)
    const threshold = found.chiSquared * (1 + F / 49)
    const start = { ...found.values.shared, ec50: found.values.local.ec50, slope: found.values.local.slope }
    for (const end of ['low', 'high'] as const) {
      const top = { start: shared.top[end], fixed: true }
      const held = fitSharedSync(models.fourPL(), data, {
        shared: ['bottom'],
        local: ['ec50', 'slope'],
        start: { ...start, top },
      })
      expect(held.chiSquared / threshold).toBeCloseTo(1, 6)
      // The model with a separate parameter e for the first well has a fixed e.
      const first = { y: data.y, x: data.x, own: wells.map((_, k) => Number(k === 0)) }
      const model = expression('bottom + (top - bottom)/(1 + ((own*e + (1 - own)*ec50)/x)^slope)')
      const own = first.own.map((is, k) => data.x[k].map(() => is))
      const one = fitSharedSync(
        model,
        { ...data, own },
        {
          shared: ['top', 'bottom'],
          start: { ...start, e: { start: local.ec50[end][0], fixed: true } },
        },
      )
      expect(one.chiSquared / threshold).toBeCloseTo(1, 6)
    }
  })

  test('call onProgress with the number of completed parameters, and end with all parameters', async () => {
    const calls: [number, number][] = []
    await profile(plate(), undefined, { onProgress: (done, total) => calls.push([done, total]) })
    expect(calls.every(([done, total], k) => total === 20 && (k === 0 || done >= calls[k - 1][0]))).toBe(true)
    expect(calls.at(-1)).toEqual([20, 20])
  })

  test('reject with the reason of the signal, after which the result is still usable', async () => {
    const found = plate()
    const controller = new AbortController()
    const reason = new Error('enough')
    const onProgress = (done: number) => {
      if (done > 0) controller.abort(reason)
    }
    await expect(profile(found, undefined, { signal: controller.signal, onProgress })).rejects.toBe(reason)
    const other = profile(found)
    expect(inBits(await profile(found))).toEqual(inBits(await other))
    const thrown = new Error('from the callback')
    const failing = () => {
      throw thrown
    }
    await expect(profile(found, undefined, { onProgress: failing })).rejects.toBe(thrown)
  })

  test('have the reason `unavailable` for a model without the parameter, and for an exact fit', () => {
    const { local } = profileSync(twoModels())
    expect(local.b.low[0]).toBeNaN()
    expect(profileEndReasons[local.b.lowReason[0]]).toBe('unavailable')
    const x = [0, 1, 2, 3]
    const exact = fitSharedSync(
      expression('a + b*x'),
      { x, y: [x.map((at) => 1 + 2 * at), x.map((at) => 3 + 2 * at)] },
      { shared: ['b'], start: { a: 0, b: 0 } },
    )
    const { shared, local: own } = profileSync(exact)
    expect(shared.b.lowReason).toBe('unavailable')
    expect([...own.a.highReason].map((code) => profileEndReasons[code])).toEqual([
      'unavailable',
      'unavailable',
    ])
  })

  test('contain the free parameters of a group if a group is profiled', async () => {
    const found = plate()
    const group = found.at(3)
    const own = await profile(group)
    expect(Object.keys(own)).toEqual(group.free)
    for (const name of group.free) expect(inBits(own[name])).toEqual(inBits(profileSync(group, name)))
    expect(() => profileSync(found, ['top'] as never)).toThrow(/^name: expected one of/)
  })

  test('include derived quantities: functions of one parameter have the endpoints of the parameter', () => {
    const derive = { pec50: '-log(ec50)/log(10)', span: 'top - bottom', total: 'ec50*slope' }
    const found = plate({ derive })
    const { local, derived } = profileSync(found)
    expect(Object.keys(derived).sort()).toEqual(['pec50', 'span', 'total'])
    for (const k of wells.keys()) {
      const { low, high } = local.ec50
      const half = (Math.log10(high[k]) - Math.log10(low[k])) / 2
      expect(Math.abs(derived.pec50.low[k] + Math.log10(high[k])) / half).toBeLessThan(1e-7)
      expect(Math.abs(derived.pec50.high[k] + Math.log10(low[k])) / half).toBeLessThan(1e-7)
      // A quantity of shared parameters has the same interval in all groups.
      expect(Math.abs(derived.span.low[k] / derived.span.low[0] - 1)).toBeLessThan(1e-8)
    }
    expect(profileSync(found.at(2), 'pec50').low).toBe(derived.pec50.low[2])
    expect(profileSync(found.at(2)).pec50.low).toBe(derived.pec50.low[2])
    const other = plate({ derive, engine: 'wasm' })
    expect(inBits(profileSync(other).derived)).toEqual(inBits(derived))
  })

  test('include derived quantities: equal the profiles of a fit with indicator columns', () => {
    const x = Array.from({ length: 8 }, (_, k) => k / 2)
    const y = [4, 6].map((a) => x.map((at) => a * Math.exp(-0.7 * at) + 0.1 * normal()))
    const found = fitSharedSync(
      expression('a*exp(-k*x)'),
      { x, y },
      { shared: ['k'], start: { a: 4, k: 1 }, derive: { area: 'a/k' }, tolerance: 1e-13 },
    )
    const one = fitOne(
      expression('(a*is + b*(1 - is))*exp(-k*x)'),
      { x: [...x, ...x], y: y.flat(), is: [...x.map(() => 1), ...x.map(() => 0)] },
      { start: { a: 4, b: 4, k: 1 }, derive: { first: 'a/k', second: 'b/k' }, tolerance: 1e-13 },
    )
    const golden = profile(one)
    const { area } = profileSync(found).derived
    for (const [k, name] of (['first', 'second'] as const).entries()) {
      const { low, high } = golden[name]
      expect(Math.abs(area.low[k] - low) / (high - low)).toBeLessThan(1e-7)
      expect(Math.abs(area.high[k] - high) / (high - low)).toBeLessThan(1e-7)
    }
  })

  test('end at bounds', () => {
    const found = plate({ start: { bottom: { min: 4.9, max: 5.1 } } })
    const { shared } = profileSync(found)
    expect(shared.bottom).toMatchObject({ low: 4.9, high: 5.1, lowReason: 'bound', highReason: 'bound' })
  })
})

test('profiles of many fits call onProgress with the number of completed fits', async () => {
  const x = [0, 1, 2, 3]
  const y = Array.from({ length: 600 }, (_, k) => [4 + (k % 7), 2.6, 1.8, 1.2])
  const found = fitManySync(expression('a*exp(-b*x)'), { x, y }, { start: { a: 1, b: 1 } })
  const calls: number[] = []
  await profile(found, undefined, { onProgress: (done, total) => calls.push(done, total) })
  expect(calls.filter((_, k) => k % 2 === 1).every((total) => total === 600)).toBe(true)
  expect(calls.slice(-2)).toEqual([600, 600])
})

test('asynchronous and synchronous calls compute the same profiles of a shared fit', async () => {
  const found = await fitShared(models.fourPL(), data, { shared: ['top', 'bottom'] })
  expect(inBits(await profile(found))).toEqual(inBits(profileSync(plate())))
})
