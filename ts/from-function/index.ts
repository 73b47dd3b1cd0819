/**
 * The entry `antigrad/from-function`: JavaScript functions as objectives and models. The library reads the source of a
 * function, and never runs the function.
 */

import { Expression } from '../expressions/expression.js'
import { recurrence } from '../expressions/recurrences.js'
import { readModel } from './model.js'
import type { FunctionConstants, SpecialFunctions } from './types.js'

export { FunctionError } from './errors.js'
export type { FunctionConstants, SpecialFunctions } from './types.js'

/** Options of {@link fromFunction}. */
export interface FromFunctionOptions<Constants extends object = object> {
  /** Values that the function reads from its third argument: numbers, lists of numbers, and objects of numbers. */
  readonly constants?: Constants
}

/** Names of an argument's properties; `string` if the argument has no type annotation. */
type NamesIn<Argument> = 0 extends 1 & Argument ? string : keyof Argument & string

/**
 * Reads a JavaScript function as an expression with exact derivatives. The function gets its parameters, its columns of
 * data, and its constants and special functions as properties of three arguments. No part of the function is run.
 *
 * Names come from property names, because minifiers rename variables. Arithmetic, conditions, loops with known bounds,
 * arrays, objects and inner functions are read, as the page Functions of the documentation lists.
 *
 * @param fn function of parameters, columns, and constants with special functions such as `erf`
 * @throws FunctionError if the function contains a construct that is not read, or a variable that the function does not
 * declare; OptionError if an option is invalid
 * @example
 * const decay = fromFunction(({ a, b, c }, { t }) => a * Math.exp(-b * t) + c)
 * fit(decay, { t, y }, { start: { a: 1, b: 1, c: 0 } })
 */
export function fromFunction<Constants extends object = object>(
  fn: (
    parameters: Readonly<Record<string, number>>,
    columns: Readonly<Record<string, number>>,
    constants: SpecialFunctions & Constants,
  ) => number,
  options?: FromFunctionOptions<Constants>,
): Expression<string>
export function fromFunction<Parameters, Columns = never, Constants extends FunctionConstants = object>(
  // biome-ignore lint/suspicious/noExplicitAny: an argument without a type annotation
  fn: (parameters: Parameters, columns: Columns, constants: any) => number,
  options?: FromFunctionOptions<Constants>,
): Expression<NamesIn<Parameters> | ([Columns] extends [never] ? never : NamesIn<Columns>)>
export function fromFunction(fn: unknown, options?: unknown): Expression {
  const { text, parsed } = readModel(fn, options)
  if (parsed === undefined) return recurrence(text())
  const expression = new Expression('', parsed)
  Object.defineProperty(expression, 'text', writtenLater(text))
  return expression
}

/** A property whose text is written at the first request. Copies of the object as JSON contain the text. */
function writtenLater(write: () => string): PropertyDescriptor {
  let known: string | undefined
  // Without a prototype, the descriptor has no properties that other code has added to the prototype of all objects.
  const descriptor: PropertyDescriptor = Object.create(null)
  descriptor.enumerable = true
  descriptor.get = () => (known ??= write())
  return descriptor
}
