import { readFileSync } from 'node:fs'
import {
  bootstrap,
  compare,
  contour,
  derive,
  fitManySync,
  fit as fitOne,
  ode,
  profile,
  simulate,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { modelOf, type OdeCase } from './ode-cases.js'

interface Case extends OdeCase {
  readonly stiff: boolean
  readonly byParameter: Record<string, Record<string, number[]>>
}
const { cases } = JSON.parse(readFileSync(new URL('data/odes.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Case[]
}

const sir = { S: '-beta*S*I/763', I: 'beta*S*I/763 - gamma*I' }
const day = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
const ill = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]
const states = { S: '763 - first', I: 'first' }
const epidemic = ode({ states, rates: sir, time: 'day', observe: 'I' })
const start = { beta: 2, gamma: 1, first: 1 }

describe('simulations', () => {
  const runs = cases.flatMap((one) =>
    (one.stiff ? (['auto', 'stiff'] as const) : (['explicit'] as const)).map(
      (method) => [one.name, method, one] as const,
    ),
  )
  test.each(runs)('%s agrees with the reference (%s)', (_, method, one) => {
    const rtol = one.stiff ? 1e-8 : 1e-9
    const found = simulate(modelOf(one, { method, rtol, atol: 1e-4 * rtol }), one.parameters, one.times)
    expect(found.message).toBe('')
    for (const [name, values] of Object.entries(one.states)) {
      const largest = Math.max(...values.map(Math.abs))
      for (const [row, value] of values.entries()) {
        const scale = Math.max(Math.abs(value), 1e-6 * largest)
        expect(Math.abs(found.states[name][row] - value) / scale).toBeLessThan(one.stiff ? 1e-6 : 1e-8)
      }
    }
    for (const [by, slopes] of Object.entries(one.byParameter)) {
      for (const row of one.times.keys()) {
        const largest = Math.max(...Object.values(slopes).map((column) => Math.abs(column[row])))
        for (const [name, column] of Object.entries(slopes))
          expect(Math.abs(found.sensitivities[by][name][row] - column[row])).toBeLessThanOrEqual(
            1e-5 * largest + 1e-12,
          )
      }
    }
  })

  test('sensitivities include the jumps from lags, times, amounts and durations', () => {
    const model = ode({
      states: { a: 'a0', b: 0 },
      rates: { a: '-k*a', b: 'k*a - b^2' },
      observe: 'b',
      rtol: 1e-10,
      doses: [
        { state: 'a', time: 'when', amount: 'f*10', lag: 'tlag' },
        { state: 'b', time: 2, amount: 3, duration: 'long' },
      ],
    })
    const values = { a0: 1, k: 0.7, when: 0.5, f: 0.9, tlag: 0.3, long: 1.2 }
    const times = [0.6, 1, 2.5, 4]
    const { sensitivities } = simulate(model, values, times)
    for (const [name, x] of Object.entries(values)) {
      const h = 1e-5
      const at = (by: number) => simulate(model, { ...values, [name]: x + by }, times).states
      const [above, below] = [at(h), at(-h)]
      for (const state of ['a', 'b'])
        for (const row of times.keys())
          expect(sensitivities[name][state][row]).toBeCloseTo(
            (above[state][row] - below[state][row]) / (2 * h),
            5,
          )
    }
  })

  test('an integration that cannot continue ends with a reason', () => {
    const explosion = ode({ states: { y: 1 }, rates: { y: 'k*y^2' }, observe: 'y' })
    const found = simulate(explosion, { k: 1 }, [0.5, 2])
    expect(found.reason).toBe('stopped')
    expect(found.message).toMatch(/^the integration ends at t = (0\.99|1)/)
    expect(found.states.y[0]).toBeCloseTo(2, 6)
    expect(found.states.y[1]).toBeNaN()
    expect(simulate(explosion, { k: NaN }, [1]).message).toMatch('not a finite number')
    const pole = ode({ states: { y: 0 }, rates: { y: '1/y' }, observe: 'y' })
    expect(simulate(pole, {}, [1]).message).toMatch('t = 0: a rate or its derivative is not a finite number')
    const slow = ode({ states: { y: 1 }, rates: { y: '-y' }, observe: 'y', maxSteps: 5 })
    expect(simulate(slow, {}, [100]).message).toMatch('more than 5 steps')
    const wave = { y: 'floor(t) - 2*floor(t/2) > 0.5 ? 1 : -1' }
    const jumps = ode({ states: { y: 0 }, rates: wave, observe: 'y' })
    expect(simulate(jumps, {}, [2]).states.y[0]).toBeCloseTo(0, 5)
  })

  test('times may repeat and go back, and a system may have 100 states', () => {
    const names = Array.from({ length: 100 }, (_, k) => `y${k}`)
    const chain = ode({
      states: Object.fromEntries(names.map((name, k) => [name, k === 0 ? 1 : 0])),
      rates: Object.fromEntries(
        names.map((name, k) => [name, k === 0 ? `-k*${name}` : `k*(y${k - 1} - ${name})`]),
      ),
      observe: 'y0',
    })
    const { states: found } = simulate(chain, { k: 1 }, [3, 1, 1, 0])
    for (const [row, t] of [3, 1, 1, 0].entries()) expect(found.y0[row]).toBeCloseTo(Math.exp(-t), 7)
  })

  test('an infusion of length 0 is a bolus', () => {
    const of = (duration: number) =>
      ode({
        states: { y: 0 },
        rates: { y: '-y' },
        observe: 'y',
        doses: [{ state: 'y', time: 1, amount: 2, duration }],
      })
    expect(simulate(of(0), {}, [1, 2]).states.y[0]).toBe(2)
    expect(simulate(of(-1), {}, [2]).message).toMatch('invalid time, amount or duration')
  })
})

describe('fits', () => {
  const found = fitOne(epidemic, { day, y: ill }, { start, derive: { reproduction: 'beta/gamma' } })

  test('a fit of an epidemic converges to the published estimates', () => {
    expect(found.reason).toBe('converged')
    expect(found.values.beta).toBeCloseTo(1.788, 2)
    expect(found.values.reproduction).toBeCloseTo(3.92, 1)
    const { low, high } = profile(found, 'beta').beta
    expect([low < found.values.beta, high > found.values.beta]).toEqual([true, true])
    expect(bootstrap(found, { count: 5, seed: 1 }).errors.beta).toBeGreaterThan(0)
  })

  test('models are compared, and quantities of several fits are derived', () => {
    const latent = ode({
      states: { ...states, E: 0 },
      rates: { S: sir.S, E: 'beta*S*I/763 - k*E', I: 'k*E - gamma*I' },
      time: 'day',
      observe: 'I',
    })
    const [best, other] = compare([found, fitOne(latent, { day, y: ill }, { start: { ...start, k: 20 } })])
    expect(best.index).toBe(0)
    expect(other.deltaAicc).toBeGreaterThan(0)
    const fixed = fitOne(epidemic, { day, y: ill }, { start: { ...start, first: { start: 1, fixed: true } } })
    const { fullModel, pValue } = compare(found, fixed)
    expect([fullModel, pValue > 0 && pValue < 1]).toEqual(['a', true])
    const two = fitManySync(epidemic, { day, y: [ill, ill.map((x) => 0.9 * x)] }, { start })
    const { ratio } = derive(two, { ratio: 'beta[1]/beta[0]' })
    expect(ratio.value).toBeCloseTo(two.values.beta[1] / two.values.beta[0], 10)
    expect(ratio.error).toBeGreaterThan(0)
    const { points } = contour(found, 'beta', 'gamma')
    expect(points.beta.some((x) => x > found.values.beta)).toBe(true)
  })

  test('predictions at other times agree with a simulation', () => {
    const { beta, gamma, first } = found.values
    const { observed } = simulate(epidemic, { beta, gamma, first }, [0.5, 20])
    expect([...found.predict({ day: [0.5, 20] })]).toEqual([...observed.y])
    expect(() => found.predict({ hour: [1] })).toThrow('at: expected columns among day')
  })

  test('several observed quantities with missing values share the parameters', () => {
    const { beta, gamma, first } = found.values
    const both = ode({ states, rates: sir, time: 'day', observe: { ill: 'I', immune: '763 - S - I' } })
    const { observed } = simulate(both, { beta, gamma, first }, day)
    const immune = Array.from(observed.immune, (x, k) => (k % 3 === 0 ? null : x))
    const joint = fitOne(
      both,
      { day, ill: [...observed.ill], immune },
      { start, sigma: { ill: 1, immune: 2 } },
    )
    expect(joint.observations).toBe(2 * day.length - 5)
    expect(joint.values.gamma).toBeCloseTo(gamma, 6)
    expect(joint.predict({ day: [3, 4] })).toHaveLength(4)
    expect(() => fitOne(both, { day, ill }, { start })).toThrow('data: expected a column immune')
  })

  test('doses in the rows of the data act in the order of the rows', () => {
    const rates = { gut: '-ka*gut', c: 'ka*gut/v - k*c' }
    const common = { states: { gut: 0, c: 0 }, rates, observe: 'c + gut' }
    const t = [0, 1, 2, 4, 8, 8, 8, 9, 12]
    const amt = [100, null, null, 0, 0, 50, 0, 0, null]
    const placed = [
      { state: 'gut', time: 0, amount: 100 },
      { state: 'gut', time: 8, amount: 50 },
    ]
    const values = { ka: 1, v: 10, k: 0.2 }
    const { observed } = simulate(ode({ ...common, doses: placed }), values, t)
    const y: (number | null)[] = [...observed.y]
    y[4] = (y[4] as number) - 50 // before the dose
    y[0] = y[5] = null
    const doses = [{ state: 'gut', amount: 'amt' }]
    const model = ode({ ...common, doses })
    const one = { ka: 0.9, v: 11, k: 0.25 }
    const dosed = fitOne(model, { t, amt, y }, { start: one })
    expect(dosed.values.ka).toBeCloseTo(1, 6)
    expect(dosed.predict({ t: [9] })[0]).toBeCloseTo(observed.y[7], 5)
    const two = fitManySync(
      model,
      { t: [t, t], amt: [amt, amt.map((x) => x && x / 2)], y: [y, y] },
      { start: one },
    )
    expect(two.values.v[0]).toBe(dosed.values.v)
    expect(two.values.v[1]).not.toBe(dosed.values.v)
  })

  test('a fit that cannot integrate at its start says why', () => {
    const explosion = ode({ states: { y: 'y0' }, rates: { y: 'k*y^2' }, observe: 'y' })
    const failed = fitOne(explosion, { t: [0, 0.5, 2], y: [1, 2, 4] }, { start: { y0: 1, k: 1 } })
    expect(failed.reason).toBe('not-finite')
    expect(failed.message).toMatch('row 2, where t = 2')
    expect(failed.message).toMatch('the step size becomes 0')
  })

  test('errors name the argument', () => {
    const data = { day, y: ill }
    expect(() => fitOne(epidemic, data, { start: { beta: 1, gamma: 1 } as never })).toThrow('start: first')
    expect(() => fitOne(epidemic, { day: day.map((t) => t - 1), y: ill }, { start })).toThrow('data: day')
    expect(() => ode({ states: { a: 1 }, rates: { b: '1' }, observe: 'a' })).toThrow(
      'states: expected the state b of a rate',
    )
    expect(() => ode({ states: { a: 1 }, rates: { a: '1 +' }, observe: 'a' })).toThrow('rates: a')
    expect(() => ode({ states: { a: 'a' }, rates: { a: '1' }, observe: 'a' })).toThrow(
      'depend only on parameters',
    )
    expect(() => simulate(epidemic, { beta: 1, gamma: 1 }, [1])).toThrow('values: first')
    expect(() => simulate(epidemic, start, [-1])).toThrow('times[0]')
  })
})
