/** The functions of `Object` for objects of fixed shape, and the functions and constants of `Number`. */

import { makeList } from './arrays.js'
import { type Context, describe } from './context.js'
import { writeProperty } from './members.js'
import { Fields, Namespace, Native, type Place, type Value } from './values.js'

/** The names and values of an object, in the order of JavaScript: integers come first. */
function entriesOf(context: Context, value: Value, at: Place): readonly (readonly [string, Value])[] {
  if (!(value instanceof Fields))
    return context.fail(at, `the names of ${describe(value)}`, 'use an object of fixed shape')
  const { cells } = value
  return Object.keys(Object.fromEntries(cells)).map((name) => [name, cells.get(name)?.value])
}

/** The object `Object`. */
export function makeObject(context: Context): Namespace {
  const ofEntries = (name: string, convert: (entry: readonly [string, Value]) => Value) =>
    new Native(`Object.${name}`, ([value], [place], at) =>
      makeList(context, entriesOf(context, value, place ?? at).map(convert)),
    )
  const assign: Native['call'] = ([target, ...sources], [targetAt, ...places], at) => {
    for (const [k, source] of sources.entries())
      for (const [key, value] of entriesOf(context, source, places[k] ?? at))
        writeProperty(context, { object: target, key, at: targetAt ?? at, keyAt: targetAt ?? at }, value)
    return target
  }
  return new Namespace(
    'Object',
    new Map<string, Value>([
      ['keys', ofEntries('keys', ([name]) => name)],
      ['values', ofEntries('values', ([, value]) => value)],
      ['entries', ofEntries('entries', (entry) => makeList(context, entry))],
      ['assign', new Native('Object.assign', assign)],
    ]),
  )
}

const constants = ['EPSILON', 'MAX_VALUE', 'MIN_VALUE'] as const

/** `Number`, and the global functions `isNaN` and `isFinite`. */
export function makeNumber(context: Context): readonly (readonly [string, Value])[] {
  const { algebra } = context
  const ofNumber = (name: string, compute: (x: number) => Value) =>
    [name, new Native(name, ([value], [place], at) => compute(context.number(value, place ?? at)))] as const
  const missing = ofNumber('isNaN', (x) => algebra.not(algebra.compare('equal', x, x)))
  const finite = ofNumber('isFinite', (x) =>
    algebra.compare('less', algebra.apply('abs', x), algebra.constant(Infinity)),
  )
  const members = new Map<string, Value>([
    ...constants.map((name) => [name, algebra.constant(Number[name])] as const),
    missing,
    finite,
  ])
  const [, convert] = ofNumber('Number', (x) => x)
  return [['Number', new Native('Number', convert.call, members)], missing, finite]
}
