/** Fits of differential equations whose groups share parameters. */

import {
  bootstrapSync,
  compare,
  compareSharingSync,
  fitManySync,
  fit as fitOne,
  fitShared,
  fitSharedSync,
  ode,
  profile,
  profileSync,
  simulate,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'

const rates = { gut: '-ka*gut', plasma: 'ka*gut/v - k*plasma' }
const states = { gut: 0, plasma: 0 }
const oral = ode({ states, rates, observe: 'plasma', doses: [{ state: 'gut', amount: 'amt' }] })
const t = [0, 0.5, 1, 2, 4, 7, 12]
const amt = [100, null, null, null, null, null, null]
const volumes = [10, 14, 8]
const noise = [0, 0.11, -0.13, 0.08, -0.04, 0.09, -0.1]
const placed = ode({ states: { gut: 100, plasma: 0 }, rates, observe: 'plasma' })
const y = volumes.map((v, k) => {
  const { observed } = simulate(placed, { ka: 1, k: 0.2, v }, t, { sensitivities: false })
  return Array.from(observed.y, (x, row) => (row === 0 ? null : x + noise[(row + 2 * k) % 7]))
})
const start = { ka: 0.7, k: 0.3, v: 9 }
const shared = ['ka', 'k']

/** All groups as the states of one system, fitted at once. */
const joint = fitOne(
  ode({
    states: { gut: 100, a: 0, b: 0, c: 0 },
    rates: { gut: '-ka*gut', a: 'ka*gut/v1 - k*a', b: 'ka*gut/v2 - k*b', c: 'ka*gut/v3 - k*c' },
    observe: { a: 'a', b: 'b', c: 'c' },
  }),
  { t, a: y[0], b: y[1], c: y[2] },
  { start: { ka: 0.7, k: 0.3, v1: 9, v2: 9, v3: 9 } },
)

describe('fits with shared parameters', () => {
  const found = fitSharedSync(oral, { t, amt, y }, { shared, start, derive: { cl: 'k*v' } })
  const close = (x: number, other: number) => expect(x / other).toBeCloseTo(1, 6)

  test('the results agree with one large fit', () => {
    expect([found.reason, joint.reason]).toEqual(['converged', 'converged'])
    for (const name of ['ka', 'k'] as const) {
      close(found.values.shared[name], joint.values[name])
      close(found.errors.shared[name], joint.errors[name])
    }
    for (const [k, name] of (['v1', 'v2', 'v3'] as const).entries()) {
      close(found.values.local.v[k], joint.values[name])
      close(found.errors.local.v[k], joint.errors[name])
    }
    close(found.chiSquared, joint.chiSquared)
    expect(found.degreesOfFreedom).toBe(joint.degreesOfFreedom)
    close(found.at(1).values.cl, joint.values.k * joint.values.v2)
    expect([found.engine, found.engineReasons[0]]).toEqual([
      'typescript',
      'the model is integrated in TypeScript',
    ])
  })

  test('profiles of shared, local and derived quantities agree, too', () => {
    const all = profileSync(found)
    const { k, v2 } = profile(joint)
    for (const end of ['low', 'high'] as const) {
      close(all.shared.k[end], k[end])
      close(all.local.v[end][1], v2[end])
      expect(Number.isFinite(all.derived.cl[end][0])).toBe(true)
    }
  })

  test('a group predicts at any time, with its own doses', () => {
    const [, predicted] = joint.predict({ t: [3] })
    close(found.at(1).predict({ t: [3] })[0], predicted)
    const { low, high } = found.at(1).band({ t: [3] })
    expect(low[0] < predicted && predicted < high[0]).toBe(true)
    expect(found.at(2).residuals.slice(1)).toHaveLength(6)
  })

  test('a table with labels of groups has the same results', async () => {
    const id = ['x', 'y', 'z']
    const rows = t.flatMap((time, row) =>
      id.map((label, k) => ({ id: label, t: time, amt: amt[row], y: y[k][row] })),
    )
    const columns = {
      id: rows.map((row) => row.id),
      t: rows.map((row) => row.t),
      amt: rows.map((row) => row.amt),
      y: rows.map((row) => row.y),
    }
    const table = await fitShared(oral, columns, { group: 'id', shared, start })
    expect(table.groups).toEqual(id)
    expect([...table.values.local.v]).toEqual([...found.values.local.v])
  })

  test('bootstraps resample the groups', () => {
    for (const kind of ['residuals', 'cases', 'parametric'] as const) {
      const { errors, failed } = bootstrapSync(found, { kind, count: 6, seed: 1 })
      expect(failed).toBe(0)
      expect(errors.shared.k).toBeGreaterThan(0)
      expect(errors.shared.k).toBeLessThan(10 * found.errors.shared.k)
    }
  })

  test('models and sharing are compared', () => {
    const other = fitSharedSync(
      ode({
        states,
        rates: { gut: '-ka*gut', plasma: 'ka*gut/v - k*plasma/(1 + plasma/m)' },
        observe: 'plasma',
        doses: [{ state: 'gut', amount: 'amt' }],
      }),
      { t, amt, y },
      { shared: [...shared, 'm'], start: { ...start, m: 40 } },
    )
    const ranked = compare([found, other])
    expect(compare(found, other).test).toBe(null)
    expect(ranked.map(({ index }) => index).sort()).toEqual([0, 1])
    const { pValue, separate } = compareSharingSync(found, 'k')
    expect(pValue).toBeGreaterThan(0)
    expect(separate.values.local.k).toHaveLength(3)
    const alone = fitManySync(oral, { t, amt: [amt, amt, amt], y }, { start })
    expect(compare(found, alone).pValue).toBeGreaterThan(0)
  })

  test('weights may depend on the model, and several quantities may be observed', () => {
    const weighed = fitSharedSync(oral, { t, amt, y }, { shared, start, sigma: '0.1*f' })
    expect(weighed.reason).toBe('converged')
    expect(weighed.values.local.v[1]).toBeGreaterThan(12)
    const both = ode({
      states: { gut: 100, plasma: 0 },
      rates,
      observe: { plasma: 'plasma', given: '100 - gut' },
    })
    const given = volumes.map(() => t.map((time) => 100 - 100 * Math.exp(-time)))
    const two = fitSharedSync(
      both,
      { t, plasma: y, given },
      { shared, start, sigma: { plasma: 0.1, given: 1 } },
    )
    expect(two.observations).toBe(3 * (6 + 7))
    expect(two.values.shared.ka).toBeCloseTo(1, 2)
    expect(two.at(0).predict({ t: [1, 2] })).toHaveLength(4)
  })

  test('a group without a value at the start is named, with the reason', () => {
    const explosion = ode({ states: { x: 'x0' }, rates: { x: 'k*x^2' }, observe: 'x' })
    const failed = fitSharedSync(
      explosion,
      {
        t: [
          [0, 0.1, 0.2],
          [0, 0.5, 2],
        ],
        y: [
          [1, 1.1, 1.2],
          [1, 2, 4],
        ],
      },
      { shared: ['k'], start: { x0: 1, k: 1 } },
    )
    expect(failed.reason).toBe('not-finite')
    expect(failed.message).toMatch(/in group 1: the integration ends at t = (0\.99|1)/)
  })

  test('errors name the argument', () => {
    const data = { t, amt, y }
    expect(() => fitSharedSync(oral, data, { shared, start: { ka: 1, k: 1 } })).toThrow('start: v')
    expect(() => fitSharedSync([oral, oral], data, { shared, start })).toThrow('one model of ode')
    expect(() => fitSharedSync(oral, data, { shared, start, engine: 'wasm' })).toThrow(
      "engine: expected 'typescript'",
    )
    expect(() => fitSharedSync(oral, { amt, y }, { shared, start })).toThrow('a column t')
    expect(() => fitSharedSync(oral, data, { shared: [], start })).toThrow('shared')
  })
})
