/** A run of `lbfgs()` or `newton()` ends 'converged' only at a point where the gradient vanishes gradually. */

import { expression, lbfgs, minimize, minimizeManySync, newton } from 'antigrad'
import { describe, expect, test } from 'vitest'
import type { Anything } from './adversarial/subject.js'
import { random } from './bits.js'
import { problems } from './bounded-problems.js'
import { laneOf, oneByOne, spread } from './lane-runs.js'
import { waysToRun } from './support.js'

const methods = [
  ['lbfgs()', lbfgs({ history: 10 })],
  ['newton()', newton()],
] as const

/** Functions with kinks, jumps and singularities. The gradients at their smooth stationary points are 0. */
const kinks: readonly (readonly [
  text: string,
  bounds?: Readonly<Record<string, readonly [number, number]>>,
])[] = [
  ['abs(x)'],
  ['abs(x) + y^2'],
  ['abs(x - 1) + 3*abs(y + x)'],
  ['abs(x) + 1e3*y^2'],
  ['abs(x) + 1e6*(y - 1)^2'],
  ['1e-3*abs(x) + y^2'],
  ['1e3*abs(x) + y^2'],
  ['max(x, -2*x) + (y - 1)^2'],
  ['max(x^2 + y, 1 - y)'],
  ['max(max(x + y, x - y), -3*x)'],
  ['max(exp(x), 2 - x) + y^2'],
  ['abs(x^2 - 1) + y^2'],
  ['abs(y - x^2) + (1 - x)^2/10'],
  ['abs(x) + abs(y) + abs(x + y)/2'],
  ['abs(x - y) + abs(x + y - 2) + 0.1*(x + y)'],
  ['abs(sin(x) - 0.3) + x/10 + y^2'],
  ['exp(abs(x)) + y^4'],
  ['sqrt(abs(x)) + y^2'],
  ['abs(x)^0.7 + abs(y)^0.3'],
  ['log(abs(x)) + y^2'],
  ['log(x) + y^2', { x: [-2, 3] }],
  ['sqrt(x) + y^2', { x: [-1, 4] }],
  ['x/abs(x) + x + y^2'],
]

const cases = kinks.map(([text, bounds]) => ({ text, bounds }))

describe.each(methods)('%s', (_, method) => {
  test.each(cases)("does not end 'converged' at a kink or a singularity: $text", ({ text, bounds }) => {
    const objective = expression(text)
    const next = random(5)
    for (let k = 0; k < 6; k++) {
      const start = objective.parameters.map(() =>
        k % 3 === 0 ? Math.round(24 * next() - 12) / 4 : 6 * next() - 3,
      )
      for (const tolerance of [1e-12, 1e-9, 1e-4]) {
        const options = { tolerance, maxIterations: 300, ...(bounds && { bounds: bounds as Anything }) }
        const { reason, projectedGradientNorm } = minimize(objective, start, method, options)
        if (reason === 'converged') expect(projectedGradientNorm).toBeLessThan(1e-3)
      }
    }
  })

  test('ends converged at smooth minima, from any start and at the minimum itself', () => {
    const smooth = [
      '(1 - x)^2 + 100*(y - x^2)^2',
      'exp(x) - x + 1e6*y^2',
      'x^2 + 1e-6*(y - 1)^2',
      'x^4 + y^2',
    ]
    for (const text of smooth) {
      const objective = expression(text)
      for (const start of [
        [-1.5, 2],
        [1, 1],
        [0, 0],
        [1 + 1e-10, 1 - 1e-10],
        [1e-9, -1e-9],
      ])
        expect(minimize(objective, start, method).reason).toBe('converged')
    }
  })

  test.each(waysToRun(2))('needs the same certificate in lanes, %o', (way) => {
    for (const { text, bounds } of cases.filter((_, k) => k % 4 === 0)) {
      const starts = spread(expression(text).names, 5)
      for (const tolerance of [1e-9, 1e-4]) {
        const options = { tolerance, maxIterations: 60, ...(bounds && { bounds }) }
        const wanted = oneByOne(text, starts, method, options as Anything)
        const all = { ...options, ...way } as Anything
        const result = minimizeManySync(expression(text) as Anything, starts, method, all)
        for (const [run, one] of wanted.entries()) expect(laneOf(result, run)).toEqual(one)
      }
    }
  })
})

test('the certificate takes no further evaluations on bounded problems', () => {
  const counts = methods.map(([, method]) => {
    let evaluations = 0
    let converged = 0
    for (const { expression: text, data, start, lower, upper } of problems) {
      const objective = expression(text).with(data ?? {})
      const places = objective.parameters.map((name) => Number(name.slice(1)) - 1)
      const bounds = places.map((i) => [lower?.[i] ?? -Infinity, upper?.[i] ?? Infinity] as const)
      const from = places.map((i) => start[i])
      const result = minimize(objective, from, method, { bounds })
      evaluations += result.evaluations.gradients
      if (result.reason === 'converged') converged++
    }
    return { evaluations, converged }
  })
  // Without the certificate, the runs take 6378 and 2867 evaluations, and as many runs converge.
  expect(counts).toEqual([
    { evaluations: 6378, converged: 91 },
    { evaluations: 2867, converged: 92 },
  ])
})
