/** Arrays of fixed length: their constructor and their methods. */

import type { Truth } from './algebra.js'
import { type Context, describe } from './context.js'
import { ChoiceValue, Closure, Fields, List, Native, type Place, type Value, ValueCell } from './values.js'

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
  if (callee instanceof ChoiceValue) {
    const { condition } = callee
    const one = (side: Value) => () => invoke(context, side, values, places, at)
    return context.algebra.select(condition, ...context.branch(condition, one(callee.yes), one(callee.no)))
  }
  return context.fail(at, `a call of ${describe(callee)}`, 'call functions of Math, or inner functions')
}

export function makeList(context: Context, values: readonly Value[]): List {
  context.spend(values.length)
  return new List(values.map((value) => new ValueCell(value, context.frame)))
}

/** The values of an array. A choice of two arrays of the same length is an array of choices. */
export function valuesOf(context: Context, value: Value): readonly Value[] | undefined {
  if (value instanceof List) {
    context.spend(value.cells.length)
    return contents(value)
  }
  if (!(value instanceof ChoiceValue)) return undefined
  const [yes, no] = [valuesOf(context, value.yes), valuesOf(context, value.no)]
  if (yes === undefined || yes.length !== no?.length) return undefined
  return yes.map((one, i) => context.algebra.select(value.condition, one, no[i]))
}

const contents = ({ cells }: List): Value[] => cells.map(({ value }) => value)

/** A call of a method of an array. */
interface MethodCall {
  readonly context: Context
  readonly list: List
  readonly items: Value[]
  readonly values: readonly Value[]
  readonly places: readonly Place[]
  /** The place of the first argument. */
  readonly at: Place
  /** Calls the first argument with an element, its index and the array. */
  readonly ask: (i: number) => Value
}

/** The sum of an array by a function, from either end. */
function reduce({ context, list: { cells }, values, at }: MethodCall, order: number[]): Value {
  const [f, initial] = values
  const isGiven = values.length > 1
  const [first, ...rest] = order
  if (!isGiven && first === undefined)
    context.fail(at, 'the first element of an empty array', 'pass an initial value')
  return (isGiven ? order : rest).reduce<Value>(
    (sum, i) => invoke(context, f, [sum, cells[i].value, context.algebra.constant(i)], [at, at, at], at),
    isGiven ? initial : cells[first].value,
  )
}

/** Whether a function is true for all elements from an index on, or for some. */
function test(call: MethodCall, isAll: boolean, i = 0): Truth {
  const { context, items, at, ask } = call
  if (i === items.length) return isAll
  const condition = context.truth(ask(i), at)
  if (typeof condition === 'boolean') return condition === isAll ? test(call, isAll, i + 1) : condition
  const rest = () => test(call, isAll, i + 1)
  const stop = () => !isAll
  const sides = context.branch<Truth>(condition, isAll ? rest : stop, isAll ? stop : rest)
  return context.algebra.select(condition, ...sides) as Truth
}

/** The indices for which a function is true, which may not depend on parameters. */
const choose = ({ context, items, at, ask }: MethodCall): number[] =>
  [...items.keys()].filter((i) => {
    const truth = context.truth(ask(i), at)
    return typeof truth === 'boolean'
      ? truth
      : context.fail(at, 'a selection that depends on a parameter or a column', 'use known conditions')
  })

const flatten = (context: Context, values: readonly Value[]): Value[] =>
  values.flatMap((value) => valuesOf(context, value) ?? [value])

/** Methods of arrays. A result of several values is an array. */
const methods = {
  map: ({ items, ask }) => items.map((_, i) => ask(i)),
  flatMap: ({ context, items, ask }) =>
    flatten(
      context,
      items.map((_, i) => ask(i)),
    ),
  filter: (call) => choose(call).map((i) => call.items[i]),
  find: (call) => call.items[choose(call)[0]],
  findIndex: (call) => call.context.algebra.constant(choose(call)[0] ?? -1),
  every: (call) => test(call, true),
  some: (call) => test(call, false),
  forEach({ items, ask }) {
    for (const i of items.keys()) ask(i)
    return undefined
  },
  reduce: (call) => reduce(call, [...call.items.keys()]),
  reduceRight: (call) => reduce(call, [...call.items.keys()].reverse()),
  entries: ({ context, items }) =>
    items.map((value, i) => makeList(context, [context.algebra.constant(i), value])),
  keys: ({ context, items }) => items.map((_, i) => context.algebra.constant(i)),
  values: ({ items }) => items,
  at: ({ context, items, values, at }) => items.at(toKey(context, values[0], at) as number),
  fill({ context, list, values }) {
    for (const cell of list.cells) context.write(cell, values[0])
    return list
  },
  slice({ context, items, values, places }) {
    const [from, to] = values.map((end, k) => toKey(context, end, places[k]) as number)
    return items.slice(from, to)
  },
  concat: ({ context, list, values }) => flatten(context, [list, ...values]),
  reverse({ context, list, items }) {
    items.reverse()
    for (const [i, cell] of list.cells.entries()) context.write(cell, items[i])
    return list
  },
} satisfies Record<string, (call: MethodCall) => Value | Value[]>

type ArrayMethodName = keyof typeof methods

/** The names of the methods of arrays. */
export const methodNames = Object.keys(methods) as readonly ArrayMethodName[]

export function callMethod(
  context: Context,
  list: List,
  name: ArrayMethodName,
  [values, places, callAt]: readonly [readonly Value[], readonly Place[], Place],
): Value {
  context.spend(list.cells.length)
  const at = places[0] ?? callAt
  const ask = (i: number) =>
    invoke(context, values[0], [list.cells[i].value, context.algebra.constant(i), list], [at, at, at], at)
  const method: (call: MethodCall) => Value | Value[] = methods[name]
  const result = method({ context, list, items: contents(list), values, places, at, ask })
  return Array.isArray(result) ? makeList(context, result) : result
}

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
    const given = valuesOf(context, source)
    const list = given === undefined ? missing(length, places[0] ?? at) : makeList(context, given)
    return map === undefined ? list : callMethod(context, list, 'map', [[map], places.slice(1), at])
  }
  const collect: Native['call'] = (values) => makeList(context, values)
  const members = { from: new Native('Array.from', from), of: new Native('Array.of', collect) }
  return new Native('Array', create, new Map(Object.entries(members)))
}
