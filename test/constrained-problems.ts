import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Constraint, expression, minimize, sqp } from 'antigrad'

/** A problem of test/data/constrained.json. */
export interface ConstrainedProblem {
  readonly name: string
  readonly expression: string
  readonly parameters: readonly string[]
  readonly data: Readonly<Record<string, readonly number[]>> | null
  readonly equal: readonly string[]
  readonly atLeastZero: readonly string[]
  readonly start: readonly number[]
  readonly lower: readonly (number | null)[]
  readonly upper: readonly (number | null)[]
  readonly f: number
  readonly otherMinima: readonly { readonly f: number }[]
  readonly evaluations: number
  readonly tight: number
  readonly solved: boolean
}

export const constrainedProblems: readonly ConstrainedProblem[] = JSON.parse(
  readFileSync(join(import.meta.dirname, 'data/constrained.json'), 'utf8'),
).cases

/** Factors of the parameters, of the objective and of the constraints. */
export interface Scales {
  readonly parameters?: number
  readonly objective?: number
  readonly constraints?: number
}

/** Solves a problem by `sqp()`, with the problem's functions as texts. */
export function solveConstrained(
  problem: ConstrainedProblem,
  { parameters: unit = 1, objective: factor = 1, constraints: weight = 1 }: Scales = {},
) {
  const { parameters, data, equal, atLeastZero } = problem
  const [start, lower, upper] = [problem.start, problem.lower, problem.upper].map((list) =>
    list.map((limit) => (limit === null ? null : limit / unit)),
  ) as [number[], (number | null)[], (number | null)[]]
  const names = new RegExp(`\\b(${parameters.join('|')})\\b`, 'g')
  const scale = (given: string, by: number) => {
    const inUnits = unit === 1 ? given : given.replace(names, `($1*${unit})`)
    return by === 1 ? inUnits : `${by}*(${inUnits})`
  }
  const text = expression(scale(problem.expression, factor))
  const objective = data === null ? text : text.with(data as never)
  const constraints: Constraint[] = [
    ...equal.map((expr) => ({ expr: scale(expr, weight), equal: 0 })),
    ...atLeastZero.map((expr) => ({ expr: scale(expr, weight), min: 0 })),
  ]
  const byName = <T>(value: (i: number) => T) =>
    Object.fromEntries(parameters.map((name, i) => [name, value(i)]))
  return minimize(
    objective as ReturnType<typeof expression>,
    byName((i) => start[i]),
    sqp(),
    {
      bounds: byName((i) => ({ min: lower[i] ?? -Infinity, max: upper[i] ?? Infinity })),
      constraints,
      maxIterations: 1000,
    },
  )
}
