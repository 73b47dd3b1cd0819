/** Values that expressions of a function have while the function is read. */

import type { FunctionNode } from './source.js'

/**
 * A value: a node of the graph (a number), a known truth value, text, a missing value, or one of the classes below.
 */
export type Value =
  | number
  | boolean
  | string
  | undefined
  | Condition
  | ChoiceValue
  | List
  | Fields
  | Closure
  | Native
  | Namespace
  | Inputs
  | LateNumber

/** A truth value that depends on parameters or columns: a node of the graph. */
export class Condition {
  readonly node: number

  constructor(node: number) {
    this.node = node
  }
}

/** One of two values that are not both numbers. */
export class ChoiceValue {
  readonly condition: Condition
  readonly yes: Value
  readonly no: Value

  constructor(condition: Condition, yes: Value, no: Value) {
    this.condition = condition
    this.yes = yes
    this.no = no
  }
}

/** A place that holds a value: a variable, an element of an array or a property. */
export class ValueCell {
  value: Value
  /** The call in which the cell was created. */
  frame: object | undefined
  readonly isConstant: boolean
  /** Whether the declaration of a variable has run. */
  isReady = true

  constructor(value: Value, frame: object | undefined, isConstant = false) {
    this.value = value
    this.frame = frame
    this.isConstant = isConstant
  }
}

/** An array of fixed length. */
export class List {
  readonly cells: readonly ValueCell[]

  constructor(cells: readonly ValueCell[]) {
    this.cells = cells
  }
}

/** An object. */
export class Fields {
  readonly cells: Map<string, ValueCell>

  constructor(cells: Map<string, ValueCell>) {
    this.cells = cells
  }
}

/** An inner function with the scope in which the function was created. */
export class Closure {
  readonly node: FunctionNode
  readonly scope: Scope
  readonly frame: object | undefined

  constructor(node: FunctionNode, scope: Scope, frame: object | undefined) {
    this.node = node
    this.scope = scope
    this.frame = frame
  }
}

/** A node of the syntax tree, as far as errors need the node. */
export interface Place {
  readonly start: number
}

/** A function that is not written in the source, such as `Math.exp`. */
export class Native {
  readonly name: string
  /** The arguments are values with their places. */
  readonly call: (values: readonly Value[], places: readonly Place[], at: Place) => Value
  readonly members: ReadonlyMap<string, Value>

  constructor(name: string, call: Native['call'], members: ReadonlyMap<string, Value> = new Map()) {
    this.name = name
    this.call = call
    this.members = members
  }
}

/** An object that is not written in the source, such as `Math`. */
export class Namespace {
  readonly name: string
  readonly members: ReadonlyMap<string, Value>

  constructor(name: string, members: ReadonlyMap<string, Value>) {
    this.name = name
    this.members = members
  }
}

/** A number that becomes a node where an expression uses the number, so that the text has the order of the function. */
export class LateNumber {
  readonly make: () => number

  constructor(make: () => number) {
    this.make = make
  }
}

/** An argument of the function: the record of its parameters, of its columns, or of constants and special functions. */
export class Inputs {
  readonly read: (name: string, at: Place) => Value

  constructor(read: (name: string, at: Place) => Value) {
    this.read = read
  }
}

/** A number that rows carry, with the nodes of its values before the first row and after a row. */
export interface CarriedState {
  readonly name: string
  /** Undefined if no row reads the value before. */
  readonly initial: number | undefined
  readonly next: number
}

/** The variables of a block or a function. */
export class Scope {
  readonly cells = new Map<string, ValueCell>()
  readonly parent: Scope | undefined

  constructor(parent?: Scope) {
    this.parent = parent
  }

  find(name: string): ValueCell | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) {
      const cell = scope.cells.get(name)
      if (cell !== undefined) return cell
    }
    return undefined
  }
}
