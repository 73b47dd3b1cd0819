/** Reads constraints, and combines the objective and the constraints into one nonlinear program. */

import { AntigradError, OptionError } from '../core/errors.js'
import { isObject, isRecord, readMember } from '../core/untrusted-input.js'
import { type Expression, expression } from '../expressions/expression.js'
import type { ConstrainedObjective } from '../minimize/method.js'
import { type ObjectiveFunctions, readObjective } from '../objectives/arguments.js'
import { type BoundsBox, clamp } from '../objectives/bounds.js'
import { argumentOf, type ReadConstraint, readConstraints } from '../quadratic/limits.js'

/** The largest count of constraints. */
export const MAX_CONSTRAINTS = 1000

/** A constraint whose function takes all parameters of the run. */
export interface ConstraintFunction extends ReadConstraint {
  readonly functions: ObjectiveFunctions
  /** Indices of the constraint's parameters; null if the function takes all parameters. */
  readonly indices: readonly number[] | null
  readonly isLinear: boolean
}

/**
 * Reads the constraints. Their names extend the names of the objective, if the start has the names.
 *
 * @param x the start, or undefined for a list of starts that has numbers for all names
 */
export function constrainObjective(
  objective: ObjectiveFunctions,
  given: unknown,
  x: unknown,
): ConstrainedObjective {
  const read = readConstraints(given, 'expr', MAX_CONSTRAINTS)
  const sources = read.map((constraint) => readFunction(constraint, objective.names))
  const names = objective.names === null ? null : extendNames(objective.names, x, sources)
  const constraints = read.map((constraint, k) => placeFunction(constraint, sources[k], names))
  return { objective: extend(objective, names), constraints }
}

/** Finds the places of a constraint's parameters among all names. */
function placeFunction(
  { key, min, max, definition }: ReadConstraint,
  { functions, isLinear }: ConstraintSource,
  names: readonly string[] | null,
): ConstraintFunction {
  const own = functions.names
  const constraint = { key, min, max, definition, functions, indices: null, isLinear }
  if (own === null || names === null) return constraint
  const indices = own.map((name) => names.indexOf(name))
  const unknown = indices.indexOf(-1)
  if (unknown >= 0)
    throw new OptionError(`${argumentOf(key)}: expr`, `names among ${names.join(', ')}`, own[unknown])
  // Differences need a function of all parameters.
  return functions.gradient === undefined
    ? { ...constraint, functions: widen(functions, { indices, size: names.length }) }
    : { key, min, max, definition, functions, indices, isLinear }
}

/** The names of the objective, and further names of the start, or of the constraints if the start is long enough. */
function extendNames(
  names: readonly string[],
  x: unknown,
  constraints: readonly { readonly functions: ObjectiveFunctions }[],
): readonly string[] {
  const all = new Set(names)
  const others = isRecord(x) ? Object.keys(x) : constraints.flatMap(({ functions }) => functions.names ?? [])
  for (const name of others) all.add(name)
  if (x === undefined || isRecord(x)) return [...all]
  return (x as ArrayLike<unknown> | undefined)?.length === all.size ? [...all] : names
}

function readFunction(
  { key, definition }: ReadConstraint,
  names: readonly string[] | null,
): ConstraintSource {
  const what = `${argumentOf(key)}: expr`
  if (typeof definition !== 'string' && typeof definition !== 'function' && !isObject(definition))
    throw new OptionError(what, 'a string, an expression, a function or { value, gradient }', definition)
  const source = typeof definition === 'string' ? parse(what, definition) : readSource(definition, what)
  if (source.functions.names !== null && names === null)
    throw new OptionError(what, 'a function of x, because the objective has no names', definition)
  return source
}

/** The functions of a constraint. */
interface ConstraintSource {
  readonly functions: ObjectiveFunctions
  readonly isLinear: boolean
}

function readSource(source: unknown, what: string): ConstraintSource {
  return { functions: readObjective(source, what), isLinear: isObject(source) && isAffine(source) }
}

/** Largest count of texts whose functions are kept for further runs. */
const MAX_KEPT = 256
const parsedTexts = new Map<string, ConstraintSource>()
const affine = new WeakMap<object, boolean>()

function parse(what: string, text: string): ConstraintSource {
  const known = parsedTexts.get(text)
  if (known !== undefined) return known
  try {
    const parsed = readSource(expression(text), what)
    parsedTexts.set(text, parsed)
    const [oldest] = parsedTexts.keys()
    if (parsedTexts.size > MAX_KEPT) parsedTexts.delete(oldest)
    return parsed
  } catch (error) {
    if (error instanceof AntigradError) throw new OptionError(what, 'a valid expression', error.message)
    throw error
  }
}

/** Whether all derivatives of an expression without data are constants. */
function isAffine(given: object): boolean {
  const isOwn = ['value', 'gradient', 'hessian'].some((name) => Object.hasOwn(given, name))
  if (isOwn || typeof readMember(given, 'text') !== 'string') return false
  if (typeof readMember(given, 'nodes') !== 'function') return false
  const known = affine.get(given)
  if (known !== undefined) return known
  const { graph, gradient } = (given as Expression).nodes([])
  const isConstant = gradient.every((node) => graph.constantAt(node) !== undefined)
  affine.set(given, isConstant)
  return isConstant
}

/** An objective of more parameters, of which the objective reads the first ones. */
function extend(objective: ObjectiveFunctions, names: readonly string[] | null): ObjectiveFunctions {
  const count = objective.names?.length ?? 0
  if (names === null || names.length === count) return objective
  const wide = widen(objective, { indices: Array.from({ length: count }, (_, i) => i), size: names.length })
  return { ...wide, names }
}

/** The parameters of a function among all parameters. */
interface Places {
  readonly indices: readonly number[]
  /** Count of all parameters. */
  readonly size: number
}

/** A function of all parameters, which calls a function of some parameters. */
export function widen(
  { value, gradient, hessian, both }: ObjectiveFunctions,
  { indices, size }: Places,
): ObjectiveFunctions {
  const { length } = indices
  const point = new Float64Array(length)
  const slope = new Float64Array(length)
  const narrow = (x: ArrayLike<number>) => {
    for (let k = 0; k < length; k++) point[k] = x[indices[k]]
    return point
  }
  return {
    value: (x) => value(narrow(x)),
    gradient:
      gradient &&
      ((x, out) => {
        gradient(narrow(x), slope)
        spread(slope, { indices, size }, out)
      }),
    hessian: () => {
      const second = hessian()
      if (second === undefined) return undefined
      const matrix = new Float64Array(length * length)
      return (x, out) => {
        second(narrow(x), matrix)
        spreadMatrix(matrix, { indices, size }, out)
      }
    },
    both: both && widenBoth(both, narrow, { indices, size }),
    names: null,
  }
}

/** The value and the derivatives with respect to all parameters in one call. */
function widenBoth(
  both: NonNullable<ObjectiveFunctions['both']>,
  narrow: (x: ArrayLike<number>) => Float64Array,
  { indices, size }: Places,
): NonNullable<ObjectiveFunctions['both']> {
  const { length } = indices
  const slope = new Float64Array(length)
  const matrix = new Float64Array(length * length)
  return (x, out, second) => {
    const value = both(narrow(x), slope, second && matrix)
    spread(slope, { indices, size }, out)
    if (second !== undefined) spreadMatrix(matrix, { indices, size }, second)
    return value
  }
}

/** Writes a gradient to the places of its parameters among all parameters. */
function spread(slope: Float64Array, { indices, size }: Places, out: { [i: number]: number }): void {
  for (let i = 0; i < size; i++) out[i] = 0
  for (let k = 0; k < indices.length; k++) out[indices[k]] = slope[k]
}

/** Writes second derivatives to the places of their parameters among all parameters. */
function spreadMatrix(matrix: Float64Array, { indices, size }: Places, out: { [i: number]: number }): void {
  const { length } = indices
  for (let i = 0; i < size * size; i++) out[i] = 0
  for (let a = 0; a < length; a++)
    for (let b = 0; b < length; b++) out[indices[a] * size + indices[b]] = matrix[a * length + b]
}

/** Relative step of the differences of gradients. */
const STEP = 1e-5

/** Adds second derivatives from central differences of a gradient, within the bounds. */
export function addDifferences(
  gradient: (x: Float64Array, out: Float64Array) => void,
  x: Float64Array,
  box: BoundsBox | null,
  hessian: Float64Array,
): void {
  const size = x.length
  const point = x.slice()
  const above = x.slice()
  const below = x.slice()
  for (let i = 0; i < size; i++) {
    const step = STEP * Math.max(1, Math.abs(x[i]))
    const inBox = (at: number) => (box === null ? at : clamp(at, box.min[i], box.max[i]))
    const right = inBox(x[i] + step)
    const left = inBox(x[i] - step)
    if (!(right > left)) continue
    point[i] = right
    gradient(point, above)
    point[i] = left
    gradient(point, below)
    point[i] = x[i]
    for (let j = 0; j < size; j++) {
      const half = (0.5 * (above[j] - below[j])) / (right - left)
      hessian[i * size + j] += half
      hessian[j * size + i] += half
    }
  }
}
