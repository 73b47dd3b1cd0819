/** Arithmetic and conditions on values, which become nodes of a graph. All results have the bits of JavaScript. */

import { Graph } from '../expressions/graph.js'
import type { Operation } from '../expressions/operations.js'
import { power } from '../expressions/parse.js'
import { ChoiceValue, Condition, type Value } from './values.js'

/** A known truth value, or a node. */
export type Truth = boolean | Condition

export const isTruth = (value: Value): value is Truth =>
  typeof value === 'boolean' || value instanceof Condition

/** Factor of Veltkamp's split of a number into two halves of 26 bits. */
const SPLIT = 134_217_729

/** Quotients below this limit have an exact product with the divisor, or with both halves of the divisor. */
function maxQuotient(divisor: number, isShort: boolean): number {
  if (!isShort) return 67_108_864
  let odd = divisor
  while (odd % 1 !== 0) odd *= 2
  while (odd % 2 === 0) odd /= 2
  return 9_007_199_254_740_992 / odd
}

export class Algebra {
  readonly graph = new Graph()

  constant(value: number): number {
    return this.graph.constant(value)
  }

  /** The number of a value that does not depend on parameters and columns. */
  known(value: Value): number | undefined {
    return typeof value === 'number' ? this.graph.constantAt(value) : undefined
  }

  apply(operation: Operation, ...operands: number[]): number {
    return this.graph.operation(operation, ...operands)
  }

  add(a: number, b: number): number {
    return this.graph.operation('add', a, b)
  }

  /** The difference. A subtracted 0 is omitted, which does not change a bit. */
  subtract(a: number, b: number): number {
    return Object.is(this.known(b), 0) ? a : this.graph.operation('subtract', a, b)
  }

  multiply(a: number, b: number): number {
    if (this.known(a) === 1) return b
    return this.known(b) === 1 ? a : this.graph.operation('multiply', a, b)
  }

  divide(a: number, b: number): number {
    return this.known(b) === 1 ? a : this.graph.operation('divide', a, b)
  }

  negate(a: number): number {
    return this.graph.operation('negate', a)
  }

  power(a: number, b: number): number {
    return power(this.graph, a, b)
  }

  compare(operation: 'less' | 'lessOrEqual' | 'equal', a: number, b: number): Truth {
    return this.toTruth(this.apply(operation, a, b))
  }

  toTruth(node: number): Truth {
    const known = this.known(node)
    return known === undefined ? new Condition(node) : known !== 0
  }

  not(condition: Truth): Truth {
    if (typeof condition === 'boolean') return !condition
    const operand = this.#negated(condition.node)
    return new Condition(operand ?? this.apply('subtract', this.constant(1), condition.node))
  }

  /** The operand of a negated condition. */
  #negated(condition: number): number | undefined {
    const node = this.graph.nodes[condition]
    return node.kind === 'operation' && node.operation === 'subtract' ? node.operands[1] : undefined
  }

  and(a: Truth, b: Truth): Truth {
    if (typeof a === 'boolean') return a && b
    if (typeof b === 'boolean') return b && a
    return a.node === b.node ? a : new Condition(this.apply('multiply', a.node, b.node))
  }

  or(a: Truth, b: Truth): Truth {
    if (typeof a === 'boolean') return a || b
    if (typeof b === 'boolean') return b || a
    return a.node === b.node ? a : new Condition(this.apply('max', a.node, b.node))
  }

  /** One of two values. */
  select(condition: Truth, yes: Value, no: Value): Value {
    if (typeof condition === 'boolean') return condition ? yes : no
    if (yes === no) return yes
    if (typeof yes === 'number' && typeof no === 'number') return this.choose(condition, yes, no)
    if (isTruth(yes) && isTruth(no))
      return this.or(this.and(condition, yes), this.and(this.not(condition), no))
    return new ChoiceValue(condition, yes, no)
  }

  choose(condition: Truth, yes: number, no: number): number {
    if (typeof condition === 'boolean') return condition ? yes : no
    if (yes === no) return yes
    const negated = this.#negated(condition.node)
    return negated === undefined
      ? this.apply('select', condition.node, yes, no)
      : this.apply('select', negated, no, yes)
  }

  /**
   * The remainder of a division by a positive number, with the sign of the dividend. The remainder is exact, because the
   * divisor is split into halves. For quotients of 2²⁶ and more, or of more if the divisor has few bits, the
   * remainder is NaN.
   */
  remainder(a: number, divisor: number): number {
    const [zero, c] = [this.constant(0), this.constant(divisor)]
    const size = this.apply('abs', a)
    const count = this.apply('floor', this.divide(size, c))
    const product = divisor * SPLIT
    const high = Number.isFinite(product) ? product - (product - divisor) : divisor
    let rest = this.subtract(size, this.multiply(count, this.constant(high)))
    if (divisor !== high) rest = this.subtract(rest, this.multiply(count, this.constant(divisor - high)))
    // A quotient that was rounded up to an integer is too large by 1.
    rest = this.choose(this.compare('less', rest, zero), this.add(rest, c), rest)
    const isExact = this.compare('less', count, this.constant(maxQuotient(divisor, divisor === high)))
    rest = this.choose(isExact, rest, this.constant(NaN))
    const signed = this.choose(this.compare('less', a, zero), this.negate(rest), rest)
    return this.choose(this.compare('less', size, c), a, signed)
  }

  ceil(a: number): number {
    return this.negate(this.apply('floor', this.negate(a)))
  }
}
