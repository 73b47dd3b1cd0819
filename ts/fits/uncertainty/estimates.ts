/** Estimates, standard errors and covariances of parameters. */

import { memoizeBy } from '../../core/memoization.js'
import { createRecord } from '../../core/untrusted-input.js'
import { differentiate } from '../../expressions/differentiate.js'
import { compile } from '../../expressions/program.js'
import { ProgramRunner } from '../../expressions/run.js'
import type { Problem } from '../problem/problem.js'
import { triangleIndex } from '../programs/ldlt.js'
import { type FitContext, type SolvedFits, standardError } from '../solve/fit-context.js'

/** Estimates of fits: free parameters and fixed parameters. */
export interface EstimateContext extends Pick<FitContext, 'problem' | 'starts'> {
  readonly solved: Pick<SolvedFits, 'free'>
}

/** Inputs of a program that precede the columns: the free parameters, followed by the fixed parameters. */
export function parameterPoint({ problem, solved, starts }: EstimateContext, fit: number): number[] {
  return [...solved.free.map((x) => x[fit]), ...problem.fixed.map((name) => starts.get(name)?.[fit] ?? NaN)]
}

export function covarianceEntry(
  { solved }: { readonly solved: Pick<SolvedFits, 'covariance'> },
  fit: number,
  i: number,
  j: number,
): number {
  return solved.covariance[triangleIndex(i, j)][fit]
}

/**
 * Programs of derived quantities, by name. Each program computes the value of a quantity and its derivatives with
 * respect to the free parameters at a {@link parameterPoint}. The programs are cached, because compiling a program
 * takes longer than a small fit.
 */
export const derivedPrograms = memoizeBy(({ graph, free, fixed, derived }: Problem) =>
  createRecord([...derived.keys()], (name) => {
    const node = derived.get(name) as number
    const slopes = differentiate(graph, node, free, () => false).gradient
    const machine = new ProgramRunner(compile(graph, [node, ...slopes], [...free, ...fixed], []), 'float64')
    return (point: readonly number[]): number[] => {
      machine.run(point, [], 0)
      return machine.program.outputs.map((slot) => machine.slots[slot])
    }
  }),
)

/** Value of a free or derived parameter, and its derivatives with respect to the free parameters. */
export function evaluateParameter(context: EstimateContext, name: string, fit: number): number[] {
  const { free, derived } = context.problem
  const point = parameterPoint(context, fit)
  if (derived.has(name)) return derivedPrograms(context.problem)[name](point)
  return [point[free.indexOf(name)], ...free.map((other) => Number(other === name))]
}

type ParameterColumns = Readonly<Record<string, Float64Array>>

/** Estimates and standard errors of all parameters, one column per parameter with one value per fit. */
export function parameterColumns(
  context: EstimateContext & {
    readonly parameters: FitContext['parameters']
    readonly solved: Pick<SolvedFits, 'free' | 'errors' | 'covariance' | 'atBound'>
  },
  count: number,
): { readonly values: ParameterColumns; readonly errors: ParameterColumns } {
  const { parameters, problem, solved, starts } = context
  const columns = parameters.map(({ name, expr }): readonly [values: Float64Array, errors: Float64Array] => {
    const at = problem.free.indexOf(name)
    if (at >= 0) return [solved.free[at], solved.errors[at]]
    const errors = new Float64Array(count)
    if (expr === null) return [starts.get(name) as Float64Array, errors]
    const values = new Float64Array(count)
    const compute = derivedPrograms(problem)[name]
    for (let fit = 0; fit < count; fit++) {
      const [value, ...slopes] = compute(parameterPoint(context, fit))
      values[fit] = value
      errors[fit] = Number.isNaN(value) ? NaN : standardError(solved, fit, slopes)
    }
    return [values, errors]
  })
  const names = parameters.map(({ name }) => name)
  const values = createRecord(names, (_, k) => columns[k][0])
  // A copy whose properties are replaced takes a fraction of the time of a new record.
  const errors = { ...values }
  for (let k = 0; k < names.length; k++) errors[names[k]] = columns[k][1]
  return { values, errors }
}
