/** Reads the function, the box and the starting points of a sweep from the options of the command line. */

import { OptionError } from '../core/errors.js'
import { toCamelCase, toTitle } from '../core/text.js'
import type { Expression } from '../expressions/expression.js'
import { recurrence } from '../expressions/recurrences.js'
import { bowl, type ObjectiveName, objectives } from '../objectives/index.js'
import {
  type Box,
  gridStarts,
  latinHypercubeStarts,
  type StartColumns,
  sobolStarts,
  uniformStarts,
} from '../random/starts.js'
import { objectiveText } from './objective-texts.js'

/** The maximum number of starting points, which are all kept in memory. */
export const MAX_STARTS = 10_000_000

/** The default distance of the target from the function's minimum. */
const TARGET_MARGIN = 1e-6

export const samples = ['sobol', 'latin-hypercube', 'uniform', 'grid'] as const

export interface SweepInputOptions {
  readonly function?: string
  readonly expression?: string
  readonly condition?: unknown
  readonly box?: Box
  readonly target?: number
  readonly starts?: number
  readonly sample: (typeof samples)[number]
  readonly seed?: number
  readonly dtype: 'float32' | 'float64'
}

export interface SweepInput {
  readonly objective: Expression
  /** The displayed name of the function. */
  readonly title: string
  readonly starts: StartColumns
  readonly target: number | undefined
}

/**
 * @throws OptionError if options contradict each other; ExpressionError if the expression is invalid
 */
export function readInput(options: SweepInputOptions): SweepInput {
  const { condition, expression: text } = options
  const name = options.function ?? 'rosenbrock'
  if (condition !== undefined && (name !== 'bowl' || text !== undefined)) {
    throw new OptionError('--condition', 'no value without --function bowl', condition)
  }
  if (text !== undefined) {
    const objective = recurrence(text)
    const starts = makeStarts(readBox(objective, {}, options.box), options)
    return { objective, title: text, starts, target: options.target }
  }
  const key = toCamelCase(name) as ObjectiveName
  const known = condition === undefined ? objectives[key]() : bowl({ condition: condition as number })
  const objective = recurrence(objectiveText(key, condition as number | undefined))
  const [x0, x1, y0, y1] = known.view
  const starts = makeStarts(readBox(objective, { x: [x0, x1], y: [y0, y1] }, options.box), options)
  const [minimum] = known.minima(2)
  const target = options.target ?? (minimum === undefined ? undefined : known.value(minimum) + TARGET_MARGIN)
  const title = toTitle(name) + (condition === undefined ? '' : ` of condition ${condition}`)
  return { objective, title, starts, target }
}

function readBox({ names }: Expression, own: Box, given: Box = {}): Box {
  if (names.length === 0) throw new OptionError('--expression', 'an expression with parameters', 'a constant')
  const box = { ...own, ...given }
  const stranger = Object.keys(box).find((name) => !names.includes(name))
  if (stranger !== undefined)
    throw new OptionError('--box', `one range for each of ${names.join(', ')}`, stranger)
  const missing = names.find((name) => !Object.hasOwn(box, name))
  if (missing !== undefined)
    throw new OptionError('--box', `one range for each of ${names.join(', ')}`, `a box without ${missing}`)
  return box
}

function makeStarts(box: Box, { sample, starts, seed, dtype }: SweepInputOptions): StartColumns {
  const seeded = { dtype, ...(seed !== undefined && { seed }) }
  if (sample === 'uniform') return uniformStarts(box, starts ?? 1024, seeded)
  if (sample === 'latin-hypercube') return latinHypercubeStarts(box, starts ?? 1024, seeded)
  if (sample === 'sobol') return sobolStarts(box, starts ?? 1024, seeded)
  if (seed !== undefined) throw new OptionError('--seed', 'no value with --sample grid', seed)
  const total = Object.keys(box).reduce((product) => product * (starts ?? 32), 1)
  if (total > MAX_STARTS) throw new OptionError('--starts', `a grid of at most ${MAX_STARTS} starts`, total)
  return gridStarts(box, starts ?? 32, { dtype })
}
