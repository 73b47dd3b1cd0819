/** Fits of differential equations that an engine integrates side by side, with the bits of fits that run alone. */

import { fitMany, fitManySync, fit as fitOne, fitReasons, ode, simulate } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'

const engines = ['typescript', 'native', 'wasm'] as const
const count = 20

/** Two compartments with boluses and infusions in the rows; each patient has other times and doses. */
const drug = ode({
  states: { central: 0, tissue: 0 },
  rates: { central: '-(k10 + k12)*central + k21*tissue', tissue: 'k12*central - k21*tissue' },
  observe: 'central/v',
  doses: [{ state: 'central', amount: 'amt', duration: 'long*span', lag: 'tlag' }],
  rtol: 1e-6,
})
const truth = { v: 10, k10: 0.2, k12: 0.5, k21: 0.3, tlag: 0.2, span: 1 }
const t = Array.from({ length: count }, (_, k) =>
  [0, 0.5, 1, 2, 4, 8, 8, 10, 14].map((x) => x * (1 + 0.01 * k)),
)
const amt = t.map((_, k) => [100 + k, 0, 0, 0, 0, 0, 50, 0, 0])
const long = t.map((_, k) => [k % 3, 0, 0, 0, 0, 0, 2, 0, 0])

/** The response of one patient, with deterministic noise. */
function respond(k: number): (number | null)[] {
  const placed = ode({
    states: { central: 0, tissue: 0 },
    rates: { central: '-(k10 + k12)*central + k21*tissue', tissue: 'k12*central - k21*tissue' },
    observe: 'central/v',
    doses: [
      { state: 'central', time: 0, amount: 100 + k, duration: k % 3, lag: 0.2 },
      { state: 'central', time: t[k][6], amount: 50, duration: 2, lag: 0.2 },
    ],
  })
  const { v, k10, k12, k21 } = truth
  const { observed } = simulate(placed, { v: v + (k % 5), k10: k10 * (1 + 0.03 * (k % 7)), k12, k21 }, t[k])
  return Array.from(observed.y, (x, row) =>
    row === 0 || row === 6 ? null : x + 0.05 * Math.sin(3 * row + k),
  )
}
const y = t.map((_, k) => respond(k))
const start = { ...truth, tlag: { start: 0.2, fixed: true }, span: { start: 1, fixed: true } }

/** All numbers of the results. */
const numbersOf = (found: ReturnType<typeof fitManySync>) => [
  ...Object.values(found.values).map((x) => [...(x as Float64Array)]),
  ...Object.values(found.errors).map((x) => [...(x as Float64Array)]),
  [...found.chiSquared],
  [...found.reason],
  [...found.evaluations],
]

describe('fits side by side', () => {
  test('doses, infusions and lags give the bits of fits that run alone, on every engine', async () => {
    const data = { t, amt, long, y }
    const [alone, ...others] = engines.map((engine) => fitManySync(drug, data, { start, engine }))
    expect(alone.engine).toBe('typescript')
    for (const [k, found] of others.entries()) {
      expect(found.engine).toBe(engines[k + 1])
      expect(numbersOf(found)).toEqual(numbersOf(alone))
    }
    const threads = fitManySync(drug, data, { start, engine: 'native', threads: 2 })
    expect(numbersOf(threads)).toEqual(numbersOf(alone))
    expect(numbersOf(await fitMany(drug, data, { start }))).toEqual(numbersOf(alone))
    const single = fitOne(drug, { t: t[3], amt: amt[3], long: long[3], y: y[3] }, { start })
    expect(single.engine).toBe('typescript')
    expect(single.values.k12).toBe(alone.values.k12[3])
  })

  test('weights of the model and several starts give the same bits', () => {
    const bounded = {
      ...start,
      v: { start: 10, min: 1, max: 100 },
      k10: { start: 0.2, min: 0.01, max: 1 },
      k12: { start: 0.5, min: 0.01, max: 2 },
      k21: { start: 0.3, min: 0.01, max: 2 },
    }
    const options = { start: bounded, weights: '1/(0.01 + f^2)', multiStart: { count: 3, seed: 1 } }
    const data = { t: t.slice(0, 4), amt: amt.slice(0, 4), long: long.slice(0, 4), y: y.slice(0, 4) }
    const [alone, native] = (['typescript', 'native'] as const).map((engine) =>
      fitManySync(drug, data, { ...options, engine }),
    )
    expect(numbersOf(native)).toEqual(numbersOf(alone))
  })

  test('a lane that becomes stiff, explodes or takes too many steps does not disturb its neighbors', () => {
    const model = ode({
      states: { a: 'a0', b: 0 },
      rates: { a: 'grow*a^2 - fast*(a - b)', b: 'fast*(a - b) - k*b' },
      observe: 'b',
      maxSteps: 400,
    })
    const times = [0.1, 0.5, 1, 2, 3]
    const fast = [1, 2000, 3, 1, 2, 5000, 1, 4]
    const grow = [0, 0, 0, 3, 0.01, 0, 0.02, 1.2]
    const data = {
      t: times,
      fast: fast.map((x) => times.map(() => x)),
      grow: grow.map((x) => times.map(() => x)),
      y: fast.map((_, k) => times.map((x) => Math.exp(-0.4 * x) + 0.02 * Math.sin(k + 9 * x))),
    }
    const [alone, ...others] = engines.map((engine) =>
      fitManySync(model, data, { start: { a0: 1.5, k: 1 }, engine }),
    )
    for (const found of others) expect(numbersOf(found)).toEqual(numbersOf(alone))
    expect(fitReasons[alone.reason[3]]).toBe('not-finite')
    expect(fitReasons[alone.reason[1]]).toBe('converged')
  })

  test('the last fits leave their lanes, with the same bits', () => {
    const oscillator = ode({
      states: { x: 1, v: 0 },
      rates: { x: 'v', v: '-w^2*x - c*v' },
      observe: 'x',
      doses: [{ state: 'v', time: 1.5, amount: 0.1 }],
      rtol: 1e-5,
    })
    const many = 70
    const [times, w] = [[0.5, 1, 2, 3], (k: number) => 1 + 0.01 * k]
    // Some fits start far from their data, and need more evaluations.
    const data = {
      t: times,
      y: Array.from({ length: many }, (_, k) => times.map((x) => Math.exp(-0.2 * x) * Math.cos(w(k) * x))),
    }
    const start = { w: Array.from({ length: many }, (_, k) => (k % 4 === 0 ? 3 : 1.2)), c: 0.4 }
    const [alone, ...others] = engines.map((engine) => fitManySync(oscillator, data, { start, engine }))
    expect(new Set(alone.evaluations).size).toBeGreaterThan(3)
    for (const found of others) expect(numbersOf(found)).toEqual(numbersOf(alone))
  })

  test('a fit takes the lane of a fit that has ended', () => {
    const growth = ode({ states: { x: 1 }, rates: { x: 'r*x*(1 - x/2)' }, observe: 'x', rtol: 1e-5 })
    const [many, times] = [300, [0.5, 1, 2]]
    const data = {
      t: times,
      y: Array.from({ length: many }, (_, k) =>
        times.map((x) => 2 / (1 + Math.exp(-(0.5 + 0.01 * (k % 90)) * x))),
      ),
    }
    const [alone, native] = (['typescript', 'native'] as const).map((engine) =>
      fitManySync(growth, data, { start: { r: 1 }, engine, threads: 1 }),
    )
    expect(fitReasons[alone.reason[299]]).toBe('converged')
    expect(numbersOf(native)).toEqual(numbersOf(alone))
  })

  test('the engine integrates if there are many fits', () => {
    const decay = ode({ states: { c: 1 }, rates: { c: '-k*c' }, observe: 'c' })
    const fits = (many: number) =>
      fitManySync(
        decay,
        { t: [1, 2], y: Array.from({ length: many }, () => [0.5, 0.2]) },
        { start: { k: 1 } },
      )
    expect(fits(4).engine).toBe('typescript')
    expect(fits(256).engine).not.toBe('typescript')
    expect(fits(256).values.k[255]).toBe(fits(4).values.k[0])
  })
})
