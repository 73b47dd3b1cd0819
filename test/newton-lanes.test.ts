/** Newton's method in lanes: each run has the bits of `minimize`, on every engine, instruction set and number of threads. */

import { expression, minimizeMany, minimizeManySync, newton } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Anything, refusal } from './adversarial/subject.js'
import { cases, laneOf, oneByOne, runsOf, type Shape, shapes, spread } from './lane-runs.js'
import { waysToRun } from './support.js'

const ways = waysToRun(2)
const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')

test.each(cases)('lanes have the bits of single runs: $name', (one) => {
  const { objective, starts, options } = runsOf(one)
  const result = minimizeManySync(objective as Anything, starts, newton(), options as Anything)
  const wanted = oneByOne(one.expression, starts, newton(), options as Anything)
  for (const [run, alone] of wanted.entries()) expect(laneOf(result, run)).toEqual(alone)
})

/** Objectives with saddle points, negative curvature and derivatives that are not finite. */
const own: readonly Shape[] = [
  { text: 'x*y + x^4/4 + y^4/4' },
  { text: 'x^4 - x^2 + y^2' },
  { text: '-x^2 + y^2', options: { bounds: { x: [-1, 0], y: [-2, 2] } } },
  { text: 'x^1.5 + (y - 1)^2', options: { tolerance: 0 } },
  { text: 'cos(x)*cos(y)', options: { bounds: { x: [0, 0], y: [-1, 0] } } },
]

test.each([...shapes, ...own])(
  'every engine gives the bits of single runs: $text',
  ({ text, options = {} }) => {
    const objective = expression(text)
    const starts = spread(objective.names, 37)
    for (const name of objective.names) starts[name].set([NaN, Infinity, 0, -0, 1e200], 2)
    const method = newton({ radius: 2 })
    const wanted = oneByOne(text, starts, method, options as Anything)
    for (const way of ways) {
      const result = minimizeManySync(objective as Anything, starts, method, {
        ...way,
        ...options,
      } as Anything)
      expect(result.engine).toBe(way.engine)
      for (const [run, one] of wanted.entries()) expect(laneOf(result, run)).toEqual(one)
    }
  },
)

describe("Newton's method in many runs", () => {
  test('gives equal bits for any number of runs and threads', async () => {
    const starts = spread(['x', 'y'], 3000)
    const bounds = { x: [-2, 0.5] as const }
    const one = minimizeManySync(valley, starts, newton(), { threads: 1, bounds })
    const two = await minimizeMany(valley, starts, newton(), { threads: 2, bounds })
    expect(two.x).toEqual(one.x)
    expect([...two.reason]).toEqual(new Array(3000).fill(1))
    expect(two.iterations).toEqual(one.iterations)
  })

  test('refuses expressions that one run refuses', () => {
    const run = (text: string) => {
      const objective = expression(text)
      const starts = Object.fromEntries(objective.names.map((name) => [name, [1]]))
      return refusal(() => minimizeManySync(objective as Anything, starts, newton())).message
    }
    expect(run('voigt(x, s, g)')).toMatch(/no second derivative of voigt/)
    expect(run(Array.from({ length: 33 }, (_, i) => `x${i}^2`).join('+'))).toMatch(/at most 32 parameters/)
  })
})
