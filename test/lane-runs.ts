/** Runs of a method in lanes, and the same runs one by one. */

import {
  expression,
  type Method,
  type MinimizeManyOptions,
  type MinimizeManyResult,
  minimize,
  minimizeReasons,
} from 'antigrad'
import type { Anything } from './adversarial/subject.js'
import { random } from './bits.js'
import { type BoundedProblem, problems } from './bounded-problems.js'

export type Columns = Readonly<Record<string, Float64Array>>

/** The numbers of one run, as `minimize` and as a lane give them. */
export function laneOf(
  { x, value, gradientNorm, maxChange, iterations, reason }: MinimizeManyResult,
  run: number,
) {
  return {
    x: Object.values(x).map((column) => column[run]),
    value: value[run],
    gradientNorm: gradientNorm[run],
    maxChange: maxChange[run],
    iterations: iterations[run],
    reason: minimizeReasons[reason[run]],
  }
}

/** Runs `minimize` from each start, with the run's data and bounds. */
export function oneByOne(
  text: string,
  starts: Columns,
  method: Method,
  {
    data = {},
    bounds,
    ...limits
  }: Pick<MinimizeManyOptions, 'data' | 'bounds' | 'tolerance' | 'maxIterations'>,
) {
  const pick = (numbers: unknown, run: number) =>
    typeof (numbers as number[])[0] === 'number' ? numbers : (numbers as number[][])[run]
  return starts[Object.keys(starts)[0]].reduce<ReturnType<typeof laneOf>[]>((all, _, run) => {
    const own = Object.entries(data).map(([name, column]) => [name, pick(column, run)])
    const objective = expression(text).with(Object.fromEntries(own) as Anything)
    const start = objective.parameters.map((name) => starts[name][run])
    const { x, value, gradientNorm, maxChange, iterations, reason } = minimize(objective, start, method, {
      bounds: bounds as Anything,
      ...limits,
    })
    all.push({ x: [...x], value, gradientNorm, maxChange, iterations, reason: reason as 'converged' })
    return all
  }, [])
}

export function spread(names: readonly string[], runs: number, [low, high] = [-3, 3], seed = 1): Columns {
  const next = random(seed)
  return Object.fromEntries(
    names.map((name) => [name, Float64Array.from({ length: runs }, () => low + (high - low) * next())]),
  )
}

/** Bounded problems of at most 12 parameters. */
export const cases = problems.filter(({ start }) => start.length <= 12)

/** Four starts of a problem, and its bounds and data by name. */
export function runsOf({ expression: text, data, start, lower, upper }: BoundedProblem) {
  const objective = expression(text)
  const names = objective.with(data ?? {}).parameters
  const place = (name: string) => Number(name.slice(1)) - 1
  const next = random(7)
  const starts = Object.fromEntries(
    names.map((name) => {
      const x = start[place(name)]
      return [
        name,
        Float64Array.from([0, 0.1, 0.3, 1], (by) => x + by * (next() - 0.5) * Math.max(1, Math.abs(x))),
      ]
    }),
  )
  const bounds = Object.fromEntries(
    names.map((name) => [
      name,
      { min: lower?.[place(name)] ?? -Infinity, max: upper?.[place(name)] ?? Infinity },
    ]),
  )
  return { objective, starts, options: { bounds, ...(data ? { data } : {}), maxIterations: 200 } }
}

export interface Shape {
  readonly text: string
  readonly options?: MinimizeManyOptions
}

/** Objectives whose runs end for every reason. */
export const shapes: readonly Shape[] = [
  { text: '(1 - x)^2 + 100*(y - x^2)^2' },
  { text: '(1 - x)^2 + 100*(y - x^2)^2', options: { bounds: { x: [-1.5, 0.5], y: { min: 0 } } } },
  { text: '(1 - x)^2 + 100*(y - x^2)^2', options: { bounds: { x: [0.25, 0.25] } } },
  { text: '(1 - x)^2 + 100*(y - x^2)^2', options: { maxIterations: 5 } },
  { text: '(1 - x)^2 + 100*(y - x^2)^2', options: { tolerance: 0, maxIterations: 300 } },
  {
    text: '(1 - x)^2 + 100*(y - x^2)^2',
    options: { tolerance: 0.5 },
  },
  { text: 'x - log(x) + (y - 1)^2' },
  { text: 'sqrt(x) + y^4' },
  { text: 'abs(x) + 3*abs(y - 1)' },
  { text: 'exp(x) + exp(-2*x) + y^2*x^2', options: { bounds: { x: [-1, 0.2] } } },
  { text: '0*x + 1' },
  { text: '-exp(x) + y^2', options: { maxIterations: 40 } },
  { text: '(x - y)^4 + 1e-3*(x + y - 1)^2' },
  { text: '1e160*x^2 + y^2' },
  { text: 'floor(3*x)^2 + (y - 1)^2' },
  { text: 'sin(3*x) + cos(5*y) + 0.1*(x^2 + y^2)', options: { bounds: { x: [-2, 2], y: [-1, 3] } } },
]
