/** Properties of values, elements of arrays, and methods of arrays. */

import { callMethod, invoke, methodNames } from './arrays.js'
import type { Context } from './context.js'
import { describe } from './context.js'
import {
  ChoiceValue,
  Closure,
  Fields,
  Inputs,
  List,
  Namespace,
  Native,
  type Place,
  type Value,
  ValueCell,
} from './values.js'

/** A property of an object, and the places of both in the source. */
export interface Member {
  readonly object: Value
  readonly key: string | number
  readonly at: Place
  readonly keyAt: Place
}

export function readProperty(context: Context, member: Member): Value {
  const { object, key, at, keyAt } = member
  if (object instanceof Inputs) return object.read(String(key), keyAt)
  if (object instanceof Fields) return object.cells.get(String(key))?.value
  if (object instanceof List) return readElement(context, object, member)
  if (object instanceof Closure || (object instanceof Native && (key === 'apply' || key === 'call')))
    return readMethod(object, member, context)
  if (object instanceof Namespace || (object instanceof Native && object.members.size > 0)) {
    const { members, name } = object
    if (members.has(String(key))) return members.get(String(key))
    const names = [...members.keys()].join(', ')
    return context.fail(
      object instanceof Native ? at : keyAt,
      `${name}.${key} has no counterpart`,
      `use functions that expressions have: ${names}`,
    )
  }
  if (object instanceof ChoiceValue) {
    const [yes, no] = [object.yes, object.no].map((side) =>
      readProperty(context, { ...member, object: side }),
    )
    return context.algebra.select(object.condition, yes, no)
  }
  if (object === undefined)
    return context.fail(at, 'a missing value (undefined)', 'give the object a value first')
  const hint = typeof object === 'number' ? ', which makes text of a number or reads text' : ''
  return context.fail(keyAt, `${key} of ${describe(object)}${hint}`, 'use arithmetic and functions of Math')
}

/** The methods `apply` and `call` of a function. */
function readMethod(object: Closure | Native, { key, keyAt }: Member, context: Context): Value {
  if (key === 'call')
    return new Native('call', ([, ...values], [, ...places], at) =>
      invoke(context, object, values, places, at),
    )
  if (key !== 'apply') return context.fail(keyAt, `${key} of a function`, 'call the function')
  return new Native('apply', ([, list], _, at) => {
    if (!(list instanceof List)) return context.fail(at, 'apply without an array', 'call the function')
    const values = list.cells.map(({ value }) => value)
    return invoke(
      context,
      object,
      values,
      values.map(() => at),
      at,
    )
  })
}

function readElement(context: Context, list: List, { key, keyAt }: Member): Value {
  const { cells } = list
  if (key === 'length') return context.algebra.constant(cells.length)
  const index = typeof key === 'number' ? key : Number(key)
  if (!Number.isNaN(index)) return cells[index]?.value
  const name = methodNames.find((one) => one === key)
  if (name !== undefined) return new Native(name, (...given) => callMethod(context, list, name, given))
  const isLonger = ['push', 'pop', 'shift', 'unshift', 'splice'].includes(key as string)
  return isLonger
    ? context.fail(
        keyAt,
        `${key} on an array: an array that changes its length`,
        'write an array of fixed length',
      )
    : context.fail(keyAt, `${key} has no counterpart`, `use loops, or ${methodNames.join(', ')}`)
}

/** Assigns a property. */
export function writeProperty(context: Context, member: Member, value: Value): void {
  const { object } = member
  if (object instanceof ChoiceValue) {
    const write = (side: Value) => () => writeProperty(context, { ...member, object: side }, value)
    context.branch(object.condition, write(object.yes), write(object.no))
  } else context.write(cellOf(context, member), value)
}

function cellOf(context: Context, { object, key, at }: Member): ValueCell {
  if (object instanceof List) {
    const cell = typeof key === 'number' || /^\d+$/.test(key) ? object.cells[Number(key)] : undefined
    if (cell === undefined)
      return context.fail(at, 'an array that changes its length', 'write an array of fixed length')
    return checkMutable(context, cell, at)
  }
  if (object instanceof Fields) {
    if (key === '__proto__') return context.fail(at, '__proto__', 'use another name')
    const known = object.cells.get(String(key))
    if (known !== undefined) return checkMutable(context, known, at)
    const cell = new ValueCell(undefined, undefined)
    object.cells.set(String(key), cell)
    return cell
  }
  if (object instanceof Inputs || object instanceof Namespace)
    return context.fail(at, 'a changed argument', 'copy the value to a variable, and change the variable')
  return context.fail(
    at,
    `a property of ${describe(object)}`,
    'assign elements of arrays and properties of objects',
  )
}

function checkMutable(context: Context, cell: ValueCell, at: Place): ValueCell {
  return cell.isConstant
    ? context.fail(at, 'a changed constant', 'copy the array in the function first')
    : cell
}
