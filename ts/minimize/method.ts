/**
 * Methods: what minimizes by the function's values as well as its gradient. A rule gets gradients alone, so
 * none of this is one. Each has a module beside this one, and is known when its function is imported.
 */

import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'
import type { EngineName } from '../engines/engine.js'
import type { Objective } from '../objectives/index.js'
import type { OptionTable, ValuesOf } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import type { DecayTerms } from './convergence.js'

/** Descriptions by name. Each method's module adds its own, so that this one knows none. */
// biome-ignore lint/suspicious/noEmptyInterface: see above
export interface Methods {}

/** A plain, frozen description of a method, told apart from rules by `method`. */
export type Method = Methods[keyof Methods]

/** What is asked of an objective, and where a run starts. */
export interface MinimizationProblem extends Required<Objective> {
  /** Where to start; copied. */
  readonly start: FloatArray
  readonly tolerance: number
}

/** What makes a minimization's updates: a rule by an optimizer, or a method. */
export interface Descent {
  readonly engine: EngineName
  readonly engineReasons: readonly string[]
  /** Live. */
  readonly params: FloatArray
  /** The gradient of the last update. */
  readonly grads: FloatArray
  /** For how many updates standing still does not count. */
  readonly exempt: number
  /** Whether nothing moved, and no further update would move anything. */
  readonly isStuck: boolean
  /** One update. Returns the objective at `params` where it is known. */
  update(): number | undefined
  /** The gradient at `params`, or no more than a step away. */
  gradsHere(): FloatArray
  /** What must be finite beside parameters, value and gradient. */
  state(): readonly FloatArray[]
  /** The decay at the last update. */
  decay(): DecayTerms
}

interface MethodKind<O extends OptionTable = OptionTable> {
  readonly name: string
  readonly options: O
  /** What single options cannot show: throws an OptionError. */
  check(values: ValuesOf<O>): void
  begin(values: ValuesOf<O>, problem: MinimizationProblem): Descent
}

const kinds = new Map<string, MethodKind>()

/** Makes a method known by its name, for as long as its function is imported, and gives that function. */
export function method<O extends OptionTable, M>(kind: MethodKind<O>): (options?: Partial<ValuesOf<O>>) => M {
  kinds.set(kind.name, kind as unknown as MethodKind)
  return (options = {}) => read(kind as unknown as MethodKind, options) as M
}

function read(kind: MethodKind, given: object): Readonly<Record<string, unknown>> {
  const values = { method: kind.name, ...readOptions(`${kind.name}: options`, given, kind.options) }
  kind.check(values)
  return Object.freeze(values)
}

/** Whether it is a method, or means to be one. */
export function isMethod(given: unknown): given is Method {
  return isObject(given) && Object.hasOwn(given, 'method')
}

/**
 * Begins a run by a method, which is checked, as it may come from JSON.
 *
 * @throws OptionError where its function was not imported, or an option is unknown or out of its range
 */
export function begin(given: Method, problem: MinimizationProblem): Descent {
  const { method, ...options } = ownProperties(given)
  const kind = kinds.get(method as string)
  if (kind === undefined) {
    const names = [...kinds.keys()].join(', ') || 'none'
    throw new OptionError('method', `one that is imported from antigrad (so far: ${names})`, method)
  }
  return kind.begin(read(kind, options), problem)
}
