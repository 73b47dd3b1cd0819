/** The functions and constants of `Math`, special functions, and helpers that compilers add to a function. */

import { functionNames, functions } from '../expressions/names.js'
import { type Operation, operations } from '../expressions/operations.js'
import { makeArray } from './arrays.js'
import type { Context } from './context.js'
import { makeNumber, makeObject } from './objects.js'
import { makeScan } from './scan.js'
import { Namespace, Native, type Value } from './values.js'

type NumberFunction = (context: Context, operands: readonly number[]) => number

/** Functions that expressions have under the same name as `Math`. */
const same: readonly Operation[] = [
  ...([
    'abs',
    'acos',
    'asin',
    'atan',
    'atan2',
    'cbrt',
    'cos',
    'cosh',
    'exp',
    'expm1',
    'floor',
    'log',
  ] as const),
  ...(['log10', 'log1p', 'log2', 'sign', 'sin', 'sinh', 'sqrt', 'tan', 'tanh'] as const),
]

/** Functions of `Math` that are composed of operations, each with its count of arguments. */
const composed: Readonly<Record<string, readonly [number, NumberFunction]>> = {
  pow: [2, ({ algebra }, [x, y]) => algebra.power(x, y)],
  ceil: [1, ({ algebra }, [x]) => algebra.ceil(x)],
  trunc: [
    1,
    ({ algebra }, [x]) => {
      const isNegative = algebra.compare('less', x, algebra.constant(0))
      return algebra.choose(isNegative, algebra.ceil(x), algebra.apply('floor', x))
    },
  ],
  round: [
    1,
    ({ algebra }, [x]) => {
      const below = algebra.apply('floor', x)
      const isNear = algebra.compare('less', algebra.subtract(x, below), algebra.constant(0.5))
      return algebra.choose(isNear, below, algebra.ceil(x))
    },
  ],
  // The sign is moved outwards, so that the argument of log1p stays away from −1.
  asinh: [
    1,
    ({ algebra }, [x]) => {
      const size = algebra.apply('abs', x)
      const square = algebra.multiply(x, x)
      const root = algebra.apply('sqrt', algebra.add(square, algebra.constant(1)))
      const share = algebra.divide(square, algebra.add(algebra.constant(1), root))
      return algebra.multiply(algebra.apply('sign', x), algebra.apply('log1p', algebra.add(size, share)))
    },
  ],
  acosh: [
    1,
    ({ algebra }, [x]) => {
      const t = algebra.subtract(x, algebra.constant(1))
      const product = algebra.multiply(t, algebra.add(x, algebra.constant(1)))
      return algebra.apply('log1p', algebra.add(t, algebra.apply('sqrt', product)))
    },
  ],
  atanh: [
    1,
    ({ algebra }, [x]) => {
      const twice = algebra.multiply(algebra.constant(2), x)
      const ratio = algebra.divide(twice, algebra.subtract(algebra.constant(1), x))
      return algebra.multiply(algebra.constant(0.5), algebra.apply('log1p', ratio))
    },
  ],
}

/** Functions of `Math` with any count of arguments. */
const variadic: Readonly<Record<string, NumberFunction>> = {
  min: ({ algebra }, [first = algebra.constant(Infinity), ...others]) =>
    others.reduce((least, x) => algebra.apply('min', least, x), first),
  max: ({ algebra }, [first = algebra.constant(-Infinity), ...others]) =>
    others.reduce((largest, x) => algebra.apply('max', largest, x), first),
  hypot: ({ algebra }, operands) => {
    const squares = operands.map((x) => algebra.multiply(x, x))
    if (operands.length < 2)
      return operands.length === 0 ? algebra.constant(0) : algebra.apply('abs', operands[0])
    return algebra.apply(
      'sqrt',
      squares.reduce((sum, square) => algebra.add(sum, square)),
    )
  },
}

const constants = ['E', 'LN10', 'LN2', 'LOG10E', 'LOG2E', 'PI', 'SQRT1_2', 'SQRT2'] as const

function native(context: Context, name: string, count: number | undefined, compute: NumberFunction): Native {
  return new Native(name, (values, places, at) => {
    if (count !== undefined && values.length < count)
      context.fail(at, `${name} of ${values.length} arguments`, `pass ${count}`)
    const given = count === undefined ? values : values.slice(0, count)
    return compute(
      context,
      given.map((value, k) => context.number(value, places[k])),
    )
  })
}

/** An operation as a function. */
function operationOf(context: Context, name: Operation): Native {
  const [count] = operations[name]
  return native(context, name, count, ({ algebra }, operands) => algebra.apply(name, ...operands))
}

/** The object `Math`. */
export function makeMath(context: Context): Namespace {
  const { algebra } = context
  return new Namespace(
    'Math',
    new Map<string, Value>([
      ...constants.map((name) => [name, algebra.constant(Math[name])] as const),
      ...same.map((name) => [name, operationOf(context, name)] as const),
      ...Object.entries(composed).map(
        ([name, [count, compute]]) => [name, native(context, name, count, compute)] as const,
      ),
      ...Object.entries(variadic).map(
        ([name, compute]) => [name, native(context, name, undefined, compute)] as const,
      ),
    ]),
  )
}

/** The functions of the third argument, which are the functions of expressions; undefined for other names. */
export function specialFunction(context: Context, name: string): Native | undefined {
  if (name === 'pow') return native(context, name, ...composed.pow)
  if (name === 'scan') return makeScan(context)
  const isKnown = ([...functions, ...functionNames] as readonly string[]).includes(name)
  return isKnown ? operationOf(context, name as Operation) : undefined
}

/** Names of the functions of the third argument. */
export const specialNames: readonly string[] = [...functions, ...functionNames]

/** Names that need no declaration: constants, `Math`, arrays, and the helpers of esbuild and tsx. */
export function makeGlobals(context: Context): ReadonlyMap<string, Value> {
  const { algebra } = context
  return new Map<string, Value>([
    ['undefined', undefined],
    ['NaN', algebra.constant(NaN)],
    ['Infinity', algebra.constant(Infinity)],
    ['Math', makeMath(context)],
    ['Array', makeArray(context)],
    ['Object', makeObject(context)],
    ...makeNumber(context),
    ['__pow', native(context, '__pow', ...composed.pow)],
    ['__name', new Native('__name', ([value]) => value)],
  ])
}
