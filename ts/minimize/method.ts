/**
 * Methods: minimizers that use the function's values as well as its gradient. Methods are not update rules, because an
 * update rule receives only gradients. Each method has its own module, and is registered when its function is imported.
 */

import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'
import type { EngineName } from '../engines/engine.js'
import type { ObjectiveFunctions } from '../objectives/arguments.js'
import type { BoundsBox } from '../objectives/bounds.js'
import type { Objective } from '../objectives/index.js'
import type { OptionTable, ValuesOf } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import type { DecayTerms } from './convergence.js'
import type { ConstrainedReason } from './reasons.js'

/**
 * Descriptions of methods by name. The module of each method adds an entry, so that this module does not depend on any
 * method.
 */
// biome-ignore lint/suspicious/noEmptyInterface: see above
export interface Methods {}

/** A plain, frozen description of a method. The property `method` distinguishes methods from rules. */
export type Method = Methods[keyof Methods]

/** The objective and the start of a run. */
export interface MinimizationProblem extends Required<Objective> {
  /**
   * Returns the value and writes the gradient, if the objective computes both at once. The second derivatives are
   * written to `hessian`, row by row, if the array is passed. A value that is already known is not counted again.
   */
  readonly both:
    | ((x: FloatArray, out: FloatArray, hessian?: FloatArray, isKnown?: boolean) => number)
    | undefined
  /** Second derivatives of the objective, if the objective has both derivatives; read on demand. */
  readonly hessian: () => Objective['gradient'] | undefined
  /** Starting point of the run; copied. */
  readonly start: FloatArray
  readonly tolerance: number
  /** Bounds of the variables; null if none is bounded. */
  readonly box: BoundsBox | null
  /** The constraints that the method has read; undefined for methods without constraints. */
  readonly constraints: unknown
}

/** The functions and the names of an objective, after constraints have been read. */
export interface ConstrainedObjective {
  readonly objective: ObjectiveFunctions
  readonly constraints: unknown
}

/** Performs the updates of a minimization. An optimizer with a rule, or a method, computes the updates. */
export interface Descent {
  readonly engine: EngineName
  readonly engineReasons: readonly string[]
  /** Live parameters. */
  readonly params: FloatArray
  /** Gradient at the last update. */
  readonly grads: FloatArray
  /** Count of initial updates in which short steps do not count as convergence. */
  readonly exempt: number
  /** Whether the last update changed no parameter, and no further update would change a parameter. */
  readonly isStuck: boolean
  /**
   * The reason why a method without gradients ends the run; null while the run continues. Undefined for other methods,
   * whose gradients decide.
   */
  readonly outcome?: ConstrainedReason | null
  /** Further results of a method with constraints; undefined for other methods. */
  report?(): object
  /**
   * Largest |gᵢ| at the start, of the parameters that are not at a bound. With this number, a run converges only if the
   * gradient vanishes gradually (convergence.ts). Undefined for update rules.
   */
  readonly startNorm?: number
  /** Performs one update. Returns the value at `params` if the value is known. */
  update(): number | undefined
  /** Gradient at `params`, or at a point at most one step away. */
  gradsHere(): FloatArray
  /** Further arrays that must be finite, in addition to the parameters, the value and the gradient. */
  state(): readonly FloatArray[]
  /** Weight decay that was applied in the last update. */
  decay(): DecayTerms
}

/** The parts of a method. A module may add further parts by declaration merging. */
export interface MethodKind<O extends OptionTable = OptionTable> {
  readonly name: string
  readonly options: O
  /** Checks combinations of option values, and throws an OptionError for an invalid combination. */
  check(values: ValuesOf<O>): void
  begin(values: ValuesOf<O>, problem: MinimizationProblem): Descent
  /**
   * Reads the constraints of a method that supports constraints. A start by name may have further parameters, which only
   * occur in constraints.
   */
  constrain?(objective: ObjectiveFunctions, constraints: unknown, x: unknown): ConstrainedObjective
}

const kinds = new Map<string, MethodKind>()

interface MethodParts {
  readonly kind: MethodKind
  readonly values: Readonly<Record<string, unknown>>
}

/** The parts of descriptions that were read here. These descriptions are frozen, and need no second check. */
const checked = new WeakMap<object, MethodParts>()

/** Registers a method by its name when its function is imported, and returns this function. */
export function method<O extends OptionTable, M>(kind: MethodKind<O>): (options?: Partial<ValuesOf<O>>) => M {
  kinds.set(kind.name, kind as unknown as MethodKind)
  return (options = {}) => read(kind as unknown as MethodKind, options).values as M
}

function read(kind: MethodKind, given: object): MethodParts {
  const values = Object.freeze({
    method: kind.name,
    ...readOptions(`${kind.name}: options`, given, kind.options),
  })
  kind.check(values)
  const parts = { kind, values }
  checked.set(values, parts)
  return parts
}

/** Whether a value looks like a description of a method. */
export function isMethod(given: unknown): given is Method {
  return isObject(given) && Object.hasOwn(given, 'method')
}

/**
 * Starts a run of a method.
 *
 * @throws OptionError as {@link findMethod}
 */
export function begin(given: Method, problem: MinimizationProblem): Descent {
  const { kind, values } = findMethod(given)
  return kind.begin(values as never, problem)
}

/** The error of a method or rule that does not support constraints. */
export const unsupported = (name: string) =>
  new OptionError('constraints', 'the method sqp(), which supports constraints', name)

/**
 * Reads the constraints of a run.
 *
 * @throws OptionError if there are constraints, but the method does not support constraints
 */
export function constrain(
  given: object,
  objective: ObjectiveFunctions,
  constraints: unknown,
  x: unknown,
): ConstrainedObjective {
  const kind = isMethod(given) ? findMethod(given).kind : undefined
  if (kind?.constrain !== undefined) return kind.constrain(objective, constraints, x)
  if (constraints !== undefined && kind !== undefined) throw unsupported(kind.name)
  return { objective, constraints: undefined }
}

/**
 * Finds the parts of a method and validates its options, because the description may come from JSON.
 *
 * @throws OptionError if the method's function was not imported, or an option is unknown or out of its range
 */
export function findMethod(given: Method): MethodParts {
  const known = checked.get(given)
  if (known) return known
  const { method, ...options } = ownProperties(given)
  const kind = kinds.get(method as string)
  if (kind === undefined) {
    const names = [...kinds.keys()].join(', ') || 'none'
    throw new OptionError('method', `a method imported from antigrad (imported so far: ${names})`, method)
  }
  return read(kind, options)
}
