/**
 * Recurrences: `scan(initial, (state) => next)` carries a state from row to row. The state is a number, or an array or
 * object of numbers. Each number becomes a line of the text. `s1[0]` is the value before the first row.
 * `s1[t-1]` is the value before the present row, and `s1` is the value after the present row.
 */

import { invoke, makeList, valuesOf } from './arrays.js'
import type { Context } from './context.js'
import { ChoiceValue, Fields, List, Native, type Place, type Value, ValueCell } from './values.js'

/** The function `scan` of the third argument. */
export function makeScan(context: Context): Native {
  return new Native('scan', (values, places, at) => {
    if (values.length !== 2)
      context.fail(at, `scan of ${values.length} arguments`, 'pass scan(initial, (state) => next)')
    const [given, next] = values
    // A choice of two arrays, such as the result of a function with two returns, is an array of choices.
    const elements = valuesOf(context, given)
    const initial = elements === undefined ? given : makeList(context, elements)
    const [initialAt = at, nextAt = at] = places
    const numbers = leaves(context, initial, initial, initialAt)
    const { graph } = context.algebra
    const names = numbers.map(() => context.nextState())
    const before = rebuild(context, initial, names.map((name) => graph.name(`${name}[t-1]`)).values())
    const after = leaves(context, initial, invoke(context, next, [before], [initialAt], nextAt), nextAt)
    for (const [k, name] of names.entries())
      context.states.push({ name, initial: numbers[k], next: after[k] })
    return rebuild(context, initial, names.map((name) => graph.name(name)).values())
  })
}

/** The numbers of a value with a given shape, in order. */
function leaves(context: Context, shape: Value, value: Value, at: Place): number[] {
  context.spend(1)
  if (shape instanceof List) {
    const values = valuesOf(context, value)
    if (values?.length !== shape.cells.length) return failShape(context, at)
    return shape.cells.flatMap((cell, i) => leaves(context, cell.value, values[i], at))
  }
  if (shape instanceof Fields) {
    const read = (one: Value, key: string): Value => {
      if (one instanceof ChoiceValue)
        return context.algebra.select(one.condition, read(one.yes, key), read(one.no, key))
      if (!(one instanceof Fields) || one.cells.size !== shape.cells.size || !one.cells.has(key))
        return failShape(context, at)
      return one.cells.get(key)?.value
    }
    return [...shape.cells].flatMap(([key, cell]) => leaves(context, cell.value, read(value, key), at))
  }
  return [context.number(value, at)]
}

function failShape(context: Context, at: Place): never {
  return context.fail(
    at,
    'a next state of another shape',
    'return a state with the shape of the initial state',
  )
}

/** A value of a given shape, with other numbers. */
function rebuild(context: Context, shape: Value, numbers: Iterator<number>): Value {
  if (shape instanceof List)
    return makeList(
      context,
      shape.cells.map(({ value }) => rebuild(context, value, numbers)),
    )
  if (!(shape instanceof Fields)) return numbers.next().value
  const cells = [...shape.cells].map(
    ([key, { value }]) => [key, new ValueCell(rebuild(context, value, numbers), context.frame)] as const,
  )
  return new Fields(new Map(cells))
}
