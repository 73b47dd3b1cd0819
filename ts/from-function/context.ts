/** The state of a function while the function is read: variables, branches, calls and limits. */

import type { AnyNode } from 'acorn'
import { Algebra, isTruth, type Truth } from './algebra.js'
import { FunctionError } from './errors.js'
import type { FunctionSource } from './source.js'
import type { CarriedState } from './values.js'
import {
  ChoiceValue,
  Closure,
  Fields,
  LateNumber,
  List,
  type Place,
  type Scope,
  type Value,
  ValueCell,
} from './values.js'

/** Limits on the work of reading, which loops and calls multiply. */
export const MAX_OPERATIONS = 50_000
const MAX_STEPS = 2_000_000
const MAX_DEPTH = 600
const MAX_CALLS = 100

/** How a statement ended; undefined if the next statement follows. */
export type Completion = 'return' | 'break' | 'continue' | undefined

/** Values that a call returns, in the statements of a branch. */
class Returns {
  /** Branches of which at least one path has returned, in the order of the statements. */
  readonly parts: { readonly condition: Truth; readonly yes: Returns; readonly no: Returns }[] = []
  /** Whether all paths have returned. */
  isDone = false
  value: Value = undefined
}

/** A call of the function or of an inner function. */
export class CallFrame {
  /** Returned values of the open branches; the innermost branch comes last. */
  readonly levels = [new Returns()]
  /** For each open loop, and for each open switch, the count of open branches at its beginning. */
  readonly loops: number[] = []
  readonly switches: number[] = []
  readonly isMain: boolean

  constructor(isMain: boolean) {
    this.isMain = isMain
  }
}

/** The readers of the syntax tree, which call each other. */
export interface Readers {
  readonly evaluate: (context: Context, node: AnyNode, scope: Scope) => Value
  readonly execute: (context: Context, node: AnyNode, scope: Scope) => Completion
  readonly call: (context: Context, closure: Closure, call: Call) => Value
}

/** The arguments of a call, with their places and the place of the call. */
export interface Call {
  readonly values: readonly Value[]
  readonly places: readonly Place[]
  readonly at: Place
}

interface Branch<T> {
  readonly result: T
  readonly changes: ReadonlyMap<ValueCell, Value>
  readonly returns: Returns
}

export class Context {
  readonly algebra = new Algebra()
  readonly source: FunctionSource
  readonly frames: CallFrame[] = []
  /** Statements of the open loops. */
  readonly loops: Place[] = []
  /** Names of variables by node, for the names of lines. */
  readonly hints = new Map<number, string>()
  /** Numbers that rows carry. */
  readonly states: CarriedState[] = []
  #stateCount = 0
  #words: Set<string> | undefined
  readonly readers: Readers
  /** For each open branch, the cells that the branch has changed, with the values before the branch. */
  readonly #layers: Map<ValueCell, Value>[] = []
  #steps = 0
  #depth = 0

  constructor(source: FunctionSource, readers: Readers) {
    this.source = source
    this.readers = readers
  }

  get frame(): CallFrame {
    return this.frames[this.frames.length - 1]
  }

  fail(at: Place, construct: string, remedy: string): never {
    const { text, shift } = this.source
    throw new FunctionError(text, at.start - shift, construct, remedy)
  }

  /** Counts a node of the syntax tree, and limits the count and the depth. */
  enter(at: Place): void {
    if (++this.#steps > MAX_STEPS || this.algebra.graph.nodes.length > MAX_OPERATIONS) this.#failOnWork(at)
    if (++this.#depth > MAX_DEPTH)
      this.fail(at, 'nesting too deep', `fromFunction reads up to ${MAX_DEPTH} nested expressions`)
  }

  #failOnWork(at: Place): never {
    const [construct, limit] =
      this.#steps > MAX_STEPS
        ? ['too many steps', `${MAX_STEPS} steps`]
        : ['too many operations', `${MAX_OPERATIONS} operations, including the derivatives`]
    return this.fail(
      this.loops.at(-1) ?? at,
      construct,
      `fromFunction unrolls loops and calls up to ${limit}`,
    )
  }

  /** Counts work that is not a node of the syntax tree, such as copies of elements. */
  spend(count: number): void {
    this.#steps += count
    if (this.#steps > MAX_STEPS) this.#failOnWork(this.source.node)
  }

  leave(): void {
    this.#depth--
  }

  /** A name for a number that rows carry, which is no name of the source. */
  nextState(): string {
    this.#words ??= new Set(this.source.text.match(/\w+/g))
    do this.#stateCount++
    while (this.#words.has(`s${this.#stateCount}`))
    return `s${this.#stateCount}`
  }

  /** Runs a call in a frame of its own. */
  call(at: Place, isMain: boolean, run: () => void): Value {
    if (this.frames.length >= MAX_CALLS)
      this.fail(at, 'recursion', `fromFunction reads up to ${MAX_CALLS} nested calls`)
    const frame = new CallFrame(isMain)
    this.frames.push(frame)
    run()
    const [returns] = frame.levels
    const value = this.#returned(returns, undefined)
    this.frames.pop()
    return value
  }

  return(value: Value, at: Place): Completion {
    const level = this.frame.levels.at(-1) as Returns
    level.isDone = true
    const { levels } = this.frame
    const isConditional = levels.length > 1 || levels[0].parts.length > 0
    level.value = isConditional ? this.#copy(value, at) : value
    return 'return'
  }

  /** A copy of what the current call has created, because statements on other paths may change the original. */
  #copy(value: Value, at: Place): Value {
    const { frame } = this
    if (value instanceof Closure && value.frame === frame)
      this.fail(at, 'a function that is returned under a condition', 'call the function where it is defined')
    const copy = (cell: ValueCell) =>
      cell.frame === frame ? new ValueCell(this.#copy(cell.value, at), undefined) : cell
    this.spend(1)
    if (value instanceof List) return new List(value.cells.map(copy))
    if (value instanceof Fields)
      return new Fields(new Map([...value.cells].map(([name, cell]) => [name, copy(cell)])))
    return value
  }

  #returned({ isDone, value, parts }: Returns, rest: Value): Value {
    let result = isDone ? value : rest
    for (let k = parts.length - 1; k >= 0; k--) {
      const { condition, yes, no } = parts[k]
      result = this.algebra.select(condition, this.#returned(yes, result), this.#returned(no, result))
    }
    return result
  }

  /** Changes a cell. If a path of a call has returned already, the change has no effect on that path. */
  write(cell: ValueCell, value: Value): void {
    let result = value
    if (cell.frame !== this.frame) release(value)
    for (let k = this.frames.length - 1; k >= 0 && this.frames[k] !== cell.frame; k--) {
      for (const { parts } of this.frames[k].levels)
        for (const part of parts) result = this.algebra.select(this.#isLive(part), result, cell.value)
    }
    this.#set(cell, result)
  }

  #isLive({ condition, yes, no }: Returns['parts'][number]): Truth {
    const { algebra } = this
    const all = ({ isDone, parts }: Returns): Truth =>
      isDone ? false : parts.reduce<Truth>((sum, part) => algebra.and(sum, this.#isLive(part)), true)
    const [one, other] = [algebra.and(condition, all(yes)), algebra.and(algebra.not(condition), all(no))]
    return algebra.or(one, other)
  }

  #set(cell: ValueCell, value: Value): void {
    const layer = this.#layers.at(-1)
    if (layer !== undefined && !layer.has(cell)) layer.set(cell, cell.value)
    cell.value = value
  }

  /** Runs one of two branches if the condition is known, otherwise both, and merges what the branches have changed. */
  branch<T>(condition: Truth, yes: () => T, no: () => T): readonly [T | undefined, T | undefined] {
    if (condition === true) return [yes(), undefined]
    if (condition === false) return [undefined, no()]
    const one = this.#run(yes)
    const other = this.#run(no)
    for (const cell of new Set([...one.changes.keys(), ...other.changes.keys()])) {
      const valueIn = ({ changes }: Branch<T>) => (changes.has(cell) ? changes.get(cell) : cell.value)
      this.#set(cell, this.algebra.select(condition, valueIn(one), valueIn(other)))
    }
    const { returns } = one
    const hasReturned = ({ isDone, parts }: Returns) => isDone || parts.length > 0
    if (hasReturned(returns) || hasReturned(other.returns)) {
      const level = this.frame.levels.at(-1) as Returns
      level.parts.push({ condition, yes: returns, no: other.returns })
      level.isDone = returns.isDone && other.returns.isDone
    }
    return [one.result, other.result]
  }

  #run<T>(run: () => T): Branch<T> {
    const layer = new Map<ValueCell, Value>()
    const { levels } = this.frame
    this.#layers.push(layer)
    levels.push(new Returns())
    const result = run()
    this.#layers.pop()
    const returns = levels.pop() as Returns
    const changes = new Map<ValueCell, Value>()
    for (const [cell, before] of layer) {
      changes.set(cell, cell.value)
      cell.value = before
    }
    return { result, changes, returns }
  }

  /** The node of a number. A missing value in one of two branches is NaN, as in JavaScript. */
  number(value: Value, at: Place): number {
    const { algebra } = this
    if (typeof value === 'number') return value
    if (value instanceof LateNumber) return value.make()
    if (isTruth(value)) return algebra.choose(value, algebra.constant(1), algebra.constant(0))
    if (value instanceof ChoiceValue) {
      const one = (side: Value) => (side === undefined ? algebra.constant(NaN) : this.number(side, at))
      return algebra.choose(value.condition, one(value.yes), one(value.no))
    }
    return this.fail(at, `${describe(value)} used as a number`, 'use numbers in arithmetic')
  }

  truth(value: Value, at: Place): Truth {
    if (isTruth(value)) return value
    if (value === undefined) return false
    const known = this.algebra.known(value)
    if (known !== undefined) return known !== 0 && !Number.isNaN(known)
    if (value instanceof ChoiceValue) {
      const [yes, no] = [this.truth(value.yes, at), this.truth(value.no, at)]
      return this.algebra.select(value.condition, yes, no) as Truth
    }
    return this.fail(at, `${describe(value)} used as a condition`, 'compare numbers, as in x !== 0')
  }
}

/** Marks the cells of an array or an object that a caller can now reach, whose changes depend on the path. */
function release(value: Value): void {
  if (!(value instanceof List || value instanceof Fields)) return
  for (const cell of value.cells.values()) {
    if (cell.frame === undefined) continue
    cell.frame = undefined
    release(cell.value)
  }
}

/** A value in words. */
export function describe(value: Value): string {
  if (typeof value === 'number') return 'a number'
  if (typeof value === 'string') return 'text'
  if (value === undefined) return 'a missing value (undefined)'
  if (isTruth(value)) return 'a condition'
  if (value instanceof List) return 'an array'
  if (value instanceof ChoiceValue) return 'a choice of values'
  return value instanceof Closure || 'call' in value ? 'a function' : 'an object'
}
