/** The function `scan` of functions that are read: states that rows carry. */

import { readFileSync } from 'node:fs'
import { type expression, lbfgs, minimize, recurrence } from 'antigrad'
import { fit as fitOne } from 'antigrad/fit'
import { fromFunction, type SpecialFunctions } from 'antigrad/from-function'
import { describe, expect, test } from 'vitest'
import { refusal } from './adversarial/subject.js'
import { random } from './bits.js'

const next = random(5)
const r = Float64Array.from({ length: 300 }, (_, i) => (next() - 0.5) * (1 + 0.5 * Math.sin(i / 30)))

type Model = (
  parameters: Readonly<Record<string, number>>,
  columns: Readonly<Record<string, number>>,
  tools: SpecialFunctions,
) => number

/** The value and the gradient at a point. */
function resultsAt(
  objective: ReturnType<ReturnType<typeof expression>['with']>,
  x: readonly number[],
): number[] {
  const gradient = new Float64Array(x.length)
  objective.gradient(x, gradient)
  return [objective.value(x), ...gradient]
}

const garch = fromFunction(
  ({ w, a, b }, { r }, { scan, v0 }) => {
    const { h } = scan({ q: v0, h: v0 }, ({ q, h }) => ({ q: r * r, h: w + a * q + b * h }))
    return 0.5 * (Math.log(2 * Math.PI * h) + (r * r) / h)
  },
  { constants: { v0: 0.3 } },
)

interface Golden {
  readonly name: string
  readonly constants: Readonly<Record<string, number>>
  readonly tolerance: number
  readonly points: readonly { parameters: Numbers; value: number; gradient: Numbers }[]
  readonly data: Readonly<Record<string, readonly number[]>>
}
type Numbers = Readonly<Record<string, number>>
type Sources = Readonly<Record<string, { init: string; step: string; final?: string }>>

const dataOf = (name: string) =>
  JSON.parse(readFileSync(new URL(`data/${name}.json`, import.meta.url), 'utf8'))
const sources: Sources = dataOf('recurrence-sources')

// A function of the reference data returns the next state and the contribution of a row. `final` belongs to the last row.
test.each<Golden>(dataOf('recurrences').cases)('has the golden values and gradients: $name', (golden) => {
  const { name, constants, data, points, tolerance } = golden
  const { init, step, final } = sources[name]
  const tools = `{ ${Object.keys(constants).join(', ')} }`
  const text = `(p, d, { scan, ${tools.slice(1)}) => {
    const [after, score] = scan([(${init})(p, ${tools}), 0], ([before]) => (${step})(before, p, d, ${tools}))
    return score${final === undefined ? '' : ` + (d.last === 1 ? (${final})(after, p, ${tools}) : 0)`}
  }`
  const rows = Object.values(data)[0].length
  const last = Array.from({ length: rows }, (_, row) => (row === rows - 1 ? 1 : 0))
  const f = fromFunction(new Function(`return ${text}`)(), { constants })
  const objective = f.with(final === undefined ? data : { ...data, last })
  for (const { parameters, value, gradient } of points) {
    const [found, ...slopes] = resultsAt(
      objective,
      objective.parameters.map((one) => parameters[one]),
    )
    expect(Math.abs(found - value)).toBeLessThan(tolerance * Math.abs(value))
    const scale = Math.max(...Object.values(gradient).map(Math.abs))
    for (const [i, slope] of slopes.entries())
      expect(Math.abs(slope - gradient[objective.parameters[i]])).toBeLessThan(tolerance * scale)
  }
})

describe('scan', () => {
  test('gives the values, gradients and minimum of the recurrence as a text', () => {
    const text = recurrence(
      `q[0] = v0; h[0] = v0
      q = r^2
      h = w + a*q[t-1] + b*h[t-1]
      0.5*(log(2*pi*h) + q/h)`,
      { constants: { v0: 0.3 } },
    )
    const [one, other] = [garch.with({ r }), text.with({ r })]
    expect(one.parameters).toEqual(['w', 'a', 'b'])
    for (const x of [
      [0.1, 0.2, 0.5],
      [1e-3, 0.05, 0.9],
    ])
      for (const [i, value] of resultsAt(one, x).entries())
        expect(value).toBeCloseTo(resultsAt(other, x)[i], 9)
    const bounds = { w: [1e-6, 2], a: [0, 2], b: [0, 2] } as const
    const start = { w: 0.1, a: 0.1, b: 0.5 }
    const found = minimize(one, start, lbfgs(), { bounds })
    expect(found.reason).toBe('converged')
    expect(found.value).toBeCloseTo(minimize(other, start, lbfgs(), { bounds }).value, 9)
  })

  test('has a text that reads back with the same bits', () => {
    const back = recurrence(garch.text).with({ r })
    expect(resultsAt(back, [0.1, 0.2, 0.5])).toEqual(resultsAt(garch.with({ r }), [0.1, 0.2, 0.5]))
  })

  test('carries numbers, arrays and nested objects, and returns the state after the present row', () => {
    const smoothed = fromFunction(({ alpha, l0 }, { r }, { scan }) => {
      const [, before] = scan([l0, l0], ([level, _]) => [alpha * r + (1 - alpha) * level, level])
      return (r - before) ** 2
    }).with({ r })
    let [level, sum] = [0.1, 0]
    for (const y of r) {
      sum += (y - level) ** 2
      level = 0.3 * y + (1 - 0.3) * level
    }
    expect(smoothed.value([0.3, 0.1])).toBeCloseTo(sum, 9)

    const hunt = fromFunction(({ p, q }, { u }, { scan }) => {
      const { prey, others } = scan({ prey: 1, others: [2, 3] }, ({ prey, others: [wolf, hare] }) => ({
        prey: prey + p * prey - q * prey * wolf,
        others: [wolf + q * prey * wolf * u, hare > 4 ? hare - p : hare + p],
      }))
      return prey + 10 * others[0] + 100 * others[1]
    }).with({ u: [1, 2, 3, 1] })
    let [prey, wolf, hare, total] = [1, 2, 3, 0]
    for (const u of [1, 2, 3, 1]) {
      const now = [
        prey + 0.5 * prey - 0.1 * prey * wolf,
        wolf + 0.1 * prey * wolf * u,
        hare > 4 ? hare - 0.5 : hare + 0.5,
      ]
      ;[prey, wolf, hare] = now as [number, number, number]
      total += prey + 10 * wolf + 100 * hare
    }
    expect(hunt.value([0.5, 0.1])).toBeCloseTo(total, 9)
  })

  test('carries choices of arrays and objects, such as the results of two returns', () => {
    const f = fromFunction(({ a, b }, { x }, { scan }) => {
      const first = a > 1 ? [a, b] : [b, a]
      const [p, q] = scan(first, ([p, q]) => {
        if (x > 2) return [q, p * x]
        return [p + x, q]
      })
      const { u } = scan({ u: a, v: b }, ({ u, v }) => (x > 2 ? { u: v, v: u * x } : { u: u + x, v }))
      return 100 * p + 10 * q + u
    }).with({ x: [1, 3, 2] })
    const wanted = (p: number, q: number, u: number) => 100 * p + 10 * q + u
    // The states after the rows x = 1, 3 and 2, from p = u = 5 and q = v = 7.
    expect(f.value([5, 7])).toBe(wanted(6, 7, 6) + wanted(7, 18, 7) + wanted(9, 18, 9))
    expect(f.value([-5, 7])).toBe(wanted(8, -5, -4) + wanted(-5, 24, 7) + wanted(-3, 24, 9))
  })

  test('gives states names that the function does not contain', () => {
    const f = fromFunction(({ s1, s3 }, { x }, { scan }) => {
      const [one, other] = scan([s1, s3], ([p, q]) => [p * x, q + s3 * p])
      return s1 * one + other
    })
    expect(f.text).toContain('s2[t-1]')
    expect(f.text).toContain('s4[t-1]')
    expect(f.with({ x: [2, 3] }).parameters).toEqual(['s1', 's3'])
    expect(f.with({ x: [2, 3] }).value([5, 7])).toBe(5 * 10 + (7 + 35) + 5 * 30 + (42 + 70))
  })

  test('is a model of a fit', () => {
    const t = Float64Array.from({ length: 40 }, (_, i) => i)
    const model = fromFunction(({ k, s0 }, { dose }, { scan }) => scan(s0, (s) => s * Math.exp(-k) + dose))
    const dose = t.map((i) => (i % 8 === 0 ? 1 : 0))
    let s = 2
    const y = dose.map((d) => {
      s = s * Math.exp(-0.3) + d
      return s
    })
    const { values, reason } = fitOne(model, { dose, y }, { start: { k: 1, s0: 1 } })
    expect(reason).toBe('converged')
    expect(values.k).toBeCloseTo(0.3, 8)
    expect(values.s0).toBeCloseTo(2, 8)
  })

  test.each<[string, Model, RegExp]>([
    ['one argument', ({ a }, _, { scan }) => (scan as (x: unknown) => number)(a), /scan of 1 arguments/],
    [
      'another shape',
      ({ a }, { x }, { scan }) => scan([a, x], ([p]) => [p])[0],
      /a next state of another shape/,
    ],
    [
      'another key',
      ({ a }, _, { scan }) => scan({ p: a }, ({ p }) => ({ q: p }) as never).p as number,
      /another shape/,
    ],
    ['no function', ({ a }, _, { scan }) => scan(a, 3 as never), /a call of a number/],
    [
      'a hidden name that is taken',
      new Function('return ({ \\u00731 }, { x }, { scan }) => scan(\\u00731, (s) => s * x)')(),
      /s1 is the name of a state/,
    ],
  ])('refuses %s', (_, fn, message) => {
    expect(refusal(() => fromFunction(fn)).message).toMatch(message)
  })

  test('refuses an initial value that depends on a row', () => {
    const wrong = fromFunction(({ a }, { x }, { scan }) => scan(x, (s) => s + a))
    expect(refusal(() => wrong.with({ x: [1, 2] })).message).toMatch(
      /initial values of parameters and constants/,
    )
  })
})
