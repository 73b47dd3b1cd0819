/** Arrays of fixed length: their constructor and their methods. */

import { type Context, describe } from './context.js'
import { Closure, Fields, List, Native, type Place, type Value, ValueCell } from './values.js'

/** The methods of arrays, in words. */
export const METHODS = 'map, reduce, forEach, fill, slice and concat'
const MAX_LENGTH = 50_000

/** The value of a key: a text, or a number that does not depend on parameters and columns. */
export function toKey(context: Context, value: Value, at: Place): string | number {
  if (typeof value === 'string') return value
  const known = context.algebra.known(value)
  if (known !== undefined) return known
  const construct =
    typeof value === 'number' ? 'an index that depends on a parameter or a column' : describe(value)
  return context.fail(at, construct, 'use indices that are known when the function is read')
}

/** Calls a value. */
export function invoke(
  context: Context,
  callee: Value,
  values: readonly Value[],
  places: readonly Place[],
  at: Place,
): Value {
  if (callee instanceof Native) return callee.call(values, places, at)
  if (callee instanceof Closure) return context.readers.call(context, callee, { values, places, at })
  return context.fail(at, `a call of ${describe(callee)}`, 'call functions of Math, or inner functions')
}

type ArrayMethod = (
  context: Context,
  list: List,
  values: readonly Value[],
  places: readonly Place[],
  at: Place,
) => Value

export const makeList = (context: Context, values: readonly Value[]): List =>
  new List(values.map((value) => new ValueCell(value, context.frame)))

function mapList(context: Context, list: List, f: Value, at: Place): List {
  const call = ({ value }: ValueCell, i: number) =>
    invoke(context, f, [value, context.algebra.constant(i), list], [at, at, at], at)
  return makeList(context, list.cells.map(call))
}

export const methods: ReadonlyMap<string, ArrayMethod> = new Map<string, ArrayMethod>(
  Object.entries({
    map: (context, list, [f], places, at) => mapList(context, list, f, places[0] ?? at),
    forEach: (context, list, [f], places, at) => {
      mapList(context, list, f, places[0] ?? at)
      return undefined
    },
    reduce: (context, { cells }, values, places, at) => {
      const [f, initial] = values
      let sum = values.length > 1 ? initial : cells[0]?.value
      for (let i = values.length > 1 ? 0 : 1; i < cells.length; i++) {
        const index = context.algebra.constant(i)
        sum = invoke(context, f, [sum, cells[i].value, index], [at, at, at], places[0] ?? at)
      }
      return sum
    },
    fill: (context, list, [value]) => {
      for (const cell of list.cells) context.write(cell, value)
      return list
    },
    slice: (context, { cells }, ends, places) => {
      const [from, to] = ends.map((end, k) => toKey(context, end, places[k]) as number)
      return makeList(
        context,
        cells.slice(from, to).map(({ value }) => value),
      )
    },
    concat: (context, list, values) =>
      makeList(
        context,
        [list, ...values].flatMap((value) =>
          value instanceof List ? value.cells.map((cell) => cell.value) : [value],
        ),
      ),
  } satisfies Record<string, ArrayMethod>),
)

/** The constructor `Array`, with `Array.from`. */
export function makeArray(context: Context): Native {
  const missing = (length: Value, at: Place): List => {
    const count = toKey(context, length, at)
    if (typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= MAX_LENGTH)
      return makeList(context, new Array(count).fill(undefined))
    return context.fail(at, 'an array of this length', `use a known length of at most ${MAX_LENGTH}`)
  }
  const create: Native['call'] = (values, places, at) =>
    values.length === 1 ? missing(values[0], places[0] ?? at) : makeList(context, values)
  const from: Native['call'] = ([source, map], places, at) => {
    const length = source instanceof Fields ? source.cells.get('length')?.value : undefined
    const list = source instanceof List ? source : missing(length, places[0] ?? at)
    if (map === undefined)
      return makeList(
        context,
        list.cells.map(({ value }) => value),
      )
    return mapList(context, list, map, places[1] ?? at)
  }
  return new Native('Array', create, new Map([['from', new Native('Array.from', from)]]))
}
