/** A model with its parameters and columns, as nodes of one graph. */

import { Graph } from '../expressions/graph.js'
import { parse } from '../expressions/parse.js'
import { log } from '../functions/index.js'
import { OptionError } from '../ground/errors.js'
import type { Costed } from './loss.js'
import type { Parameter } from './parameters.js'

/** What is fitted: nodes of a graph, in which parameters and columns are names. */
export interface Problem extends Costed {
  /** The model's, in which what is fixed has its name. */
  readonly text: string
  /** Parameters that vary, and what each may be. */
  readonly free: readonly string[]
  readonly min: readonly number[]
  readonly max: readonly number[]
  /** Names that have a number for each fit, and keep it. */
  readonly fixed: readonly string[]
  /** Parameters that follow from others: their nodes. */
  readonly derived: ReadonlyMap<string, number>
  /** Columns of data: those of the model, the one that it is to meet, and weights. */
  readonly columns: readonly string[]
}

/** More would make programs of thousands of operations. */
export const MOST_PARAMETERS = 16

/**
 * @param inLogarithms whether names of positive parameters that vary stand for their logarithms, as they do for steps; for
 * all else they stand for themselves
 */
export function makeProblem(
  text: string,
  parameters: readonly Parameter[],
  data: Pick<Problem, 'columns' | 'y' | 'weight' | 'loss' | 'scale'>,
  inLogarithms: boolean,
): Problem {
  const graph = new Graph()
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]))
  const derived = new Map<string, number>()
  const open = new Set<string>()

  const resolve = (name: string): number | undefined => {
    const parameter = byName.get(name)
    if (parameter === undefined) return undefined
    const { expr, isFixed, isLogarithmic, start } = parameter
    if (isLogarithmic && inLogarithms) return graph.operation('exp', graph.name(name))
    if (expr === null) return isFixed && typeof start === 'number' ? graph.constant(start) : undefined
    const known = derived.get(name)
    if (known !== undefined) return known
    const argument = parameter.isDerived ? `derive: ${name}` : `start: ${name}: expr`
    if (open.has(name)) throw new OptionError(argument, 'no circle', expr)
    open.add(name)
    const { root, names } = parse(expr, graph, resolve)
    open.delete(name)
    const stranger = names.find((used) => !byName.has(used))
    if (stranger !== undefined) {
      throw new OptionError(argument, `parameters among ${[...byName.keys()].join(', ')}`, stranger)
    }
    derived.set(name, root)
    return root
  }

  const { root } = parse(text, graph, resolve)
  for (const { name, expr } of parameters) if (expr !== null) resolve(name)
  const free = parameters.filter(({ isFixed }) => !isFixed)
  if (free.length === 0 || free.length > MOST_PARAMETERS) {
    throw new OptionError('start', `1 to ${MOST_PARAMETERS} parameters that vary`, `${free.length}`)
  }
  const fixed = parameters.filter(
    ({ isFixed, expr, start }) => isFixed && expr === null && typeof start !== 'number',
  )
  return {
    ...{ text, graph, model: root, derived, ...data },
    free: free.map(({ name }) => name),
    min: free.map(({ min, isLogarithmic }) => (isLogarithmic && inLogarithms ? log(min) : min)),
    max: free.map(({ max, isLogarithmic }) => (isLogarithmic && inLogarithms ? log(max) : max)),
    fixed: fixed.map(({ name }) => name),
  }
}
