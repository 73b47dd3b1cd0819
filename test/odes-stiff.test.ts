/**
 * Stiff systems with published solutions (Mazzia and Magherini, Test Set for Initial Value Problem Solvers). Closed
 * forms at many tolerances. Integrations that must end with a reason or with an abort.
 */

import { readFileSync } from 'node:fs'
import { fitMany, fitShared, ode, simulate } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { modelOf, type OdeCase } from './ode-cases.js'

const read = (file: string) =>
  JSON.parse(readFileSync(new URL(`data/${file}`, import.meta.url), 'utf8')).cases as readonly OdeCase[]
const published = read('odes-stiff.json')
const cases = read('odes-closed.json')

describe('stiff systems', () => {
  test.each(published.map((one) => [one.name, one] as const))(
    '%s agrees with the published solution',
    (_, one) => {
      for (const method of ['auto', 'stiff'] as const) {
        const found = simulate(modelOf(one, { method }), one.parameters, one.times)
        expect(found.message).toBe('')
        expect(found.accepted).toBeLessThan(5000)
        for (const [name, [value]] of Object.entries(one.states))
          expect(Math.abs(found.states[name][0] / value - 1), name).toBeLessThan(1e-6)
      }
    },
  )

  test('sensitivities of a stiff system agree with differences', () => {
    const robertson = published[0]
    const { parameters: values } = robertson
    const model = modelOf(robertson, { rtol: 1e-10 })
    const { sensitivities } = simulate(model, values, [40])
    for (const [name, x] of Object.entries(values)) {
      const [above, below] = [1e-4, -1e-4].map(
        (by) => simulate(model, { ...values, [name]: x * (1 + by) }, [40], { sensitivities: false }).states,
      )
      for (const state of ['a', 'b', 'c']) {
        const slope = (above[state][0] - below[state][0]) / (2e-4 * x)
        expect(sensitivities[name][state][0] / slope).toBeCloseTo(1, 5)
      }
    }
  })
})

describe('closed forms', () => {
  test.each(cases.map((one) => [one.name, one] as const))('%s: the error follows the tolerance', (_, one) => {
    for (const rtol of [1e-4, 1e-6, 1e-8, 1e-10]) {
      const model = modelOf(one, { rtol })
      const { states } = simulate(model, one.parameters, one.times, { sensitivities: false })
      for (const [name, values] of Object.entries(one.states)) {
        const largest = Math.max(...values.map(Math.abs))
        for (const [row, value] of values.entries()) {
          const scale = Math.max(Math.abs(value), 1e-6 * largest)
          expect(Math.abs(states[name][row] - value) / scale).toBeLessThan(10 * rtol)
        }
      }
    }
  })
})

describe('integrations that cannot end well', () => {
  const wave = ode({
    states: { x: 1, v: 0 },
    rates: { x: 'v', v: '-w^2*x' },
    observe: 'x',
    maxSteps: 1e9,
  })

  test('an abort ends an integration of a billion steps', async () => {
    const data = { t: [[0, 1e4, 2e4]], y: [[1, 1, 1]] }
    for (const run of [
      (signal: AbortSignal) => fitMany(wave, data, { start: { w: 1e5 }, signal }),
      (signal: AbortSignal) => fitShared(wave, data, { shared: ['w'], start: { w: 1e5 }, signal }),
    ]) {
      const aborts = new AbortController()
      setTimeout(() => aborts.abort(new Error('enough')), 5)
      await expect(run(aborts.signal)).rejects.toThrow('enough')
    }
  })

  const decay = (options: object) => ode({ states: { y: 1 }, rates: { y: '-y' }, observe: 'y', ...options })

  test.each([
    ['a pole', decay({ rates: { y: '1/(t - 1)' } }), 'the step size becomes 0'],
    ['a root of a negative number', decay({ rates: { y: '-sqrt(y)' } }), 'the step size becomes 0'],
    ['exponential growth', decay({ rates: { y: '1000*y' } }), 't = 0.70'],
    ['an explosion', decay({ rates: { y: 'exp(y)' }, states: { y: 0 } }), 't = 1.0'],
    ['an explosion by the stiff method', decay({ rates: { y: 'y^2' }, method: 'stiff' }), 't = 1.0'],
    ['a sliding discontinuity', decay({ rates: { y: 'y > 0 ? -1 : 1' }, maxSteps: 2000 }), '2000 steps'],
    ['a division by 0 at the start', decay({ rates: { y: '1/sqrt(t)' } }), 't = 0: a rate'],
    ['an infinite dose', decay({ doses: [{ state: 'y', time: 1, amount: '1/0' }] }), 'invalid time, amount'],
    ['a dose too early', decay({ doses: [{ state: 'y', time: -1, amount: 1 }] }), 'before the initial time'],
  ])('%s ends with a reason', (_, model, message) => {
    const { reason, message: said, states } = simulate(model, {}, [0.1, 3])
    expect(reason).toBe('stopped')
    expect(said).toContain(message)
    expect(states.y[1]).toBeNaN()
  })

  test('an infusion that is shorter than the distance of neighboring numbers is a bolus', () => {
    const doses = [{ state: 'y', time: 1, amount: 2, duration: 1e-18 }]
    const [at, later] = simulate(decay({ doses }), {}, [1, 2]).states.y
    expect(at).toBeCloseTo(2 + Math.exp(-1), 8)
    expect(later).toBeCloseTo((2 + Math.exp(-1)) / Math.E, 8)
  })

  test('a system of 60 stiff states is integrated', () => {
    const names = Array.from({ length: 60 }, (_, k) => `y${k}`)
    const rates = names.map(
      (name, k) => [name, `d*(${names[k - 1] ?? 1} - 2*${name} + ${names[k + 1] ?? 0})`] as const,
    )
    const states = Object.fromEntries(names.map((name) => [name, 0]))
    const model = ode({ states, rates: Object.fromEntries(rates), observe: 'y0', rtol: 1e-6 })
    const found = simulate(model, { d: 1e5 }, [1], { sensitivities: false })
    // The stationary profile is linear.
    for (const [k, name] of names.entries()) expect(found.states[name][0]).toBeCloseTo(1 - (k + 1) / 61, 5)
  })
})
