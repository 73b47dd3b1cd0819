/** Derivatives by reverse accumulation (Linnainmaa, 1970), added as nodes to the graph of the expression. */

import { OptionError } from '../core/errors.js'
import { SQRT_PI } from '../functions/faddeeva.js'
import type { CarriedDerivatives, Graph, RowSlopes, RowSweep } from './graph.js'
import type { Operation } from './operations.js'

/**
 * Returns the derivative with respect to each operand. A missing derivative is null. The arguments are the incoming
 * derivative d, the operands and the value y of the operation.
 */
type DerivativeRule = (
  b: Builder,
  d: number,
  operands: readonly number[],
  y: number,
) => readonly (number | null)[]

function throwNoSecondDerivative(name: string): DerivativeRule {
  return () => {
    throw new OptionError('expression', `no second derivative of ${name}`, 'one')
  }
}

function quotient(operation: 'divide' | 'over'): DerivativeRule {
  return (b, d, [, y], quotient) => {
    const share = b.operation(operation, d, y)
    return [share, b.negate(b.multiply(share, quotient))]
  }
}

const derivativeRules: Readonly<Record<Operation, DerivativeRule>> = {
  add: (_, d) => [d, d],
  subtract: (b, d) => [d, b.negate(d)],
  multiply: (b, d, [x, y]) => [b.multiply(d, y), b.multiply(d, x)],
  divide: quotient('divide'),
  over: quotient('over'),
  negate: (b, d) => [b.negate(d)],
  abs: (b, d, [x]) => [
    b.select(
      b.operation('less', x, b.zero),
      b.negate(d),
      b.select(b.operation('less', b.zero, x), d, b.zero),
    ),
  ],
  sqrt: (b, d, _, y) => [b.divide(d, b.add(y, y))],
  exp: (b, d, _, y) => [b.multiply(d, y)],
  log: (b, d, [x]) => [b.divide(d, x)],
  sin: (b, d, [x]) => [b.multiply(d, b.operation('cos', x))],
  cos: (b, d, [x]) => [b.negate(b.multiply(d, b.operation('sin', x)))],
  tan: (b, d, _, y) => [b.multiply(d, b.add(b.one, b.multiply(y, y)))],
  tanh: (b, d, _, y) => [b.multiply(d, b.subtract(b.one, b.multiply(y, y)))],
  atan: (b, d, [x]) => [b.divide(d, b.add(b.one, b.multiply(x, x)))],
  // x⁰ is 1 for every x. If x or the power is 0, the derivative with respect to the exponent is 0, as in Torch and JAX.
  pow: (b, d, [x, y], power) => {
    const byBase = b.multiply(d, b.multiply(y, b.operation('pow', x, b.subtract(y, b.one))))
    const byExponent = b.multiply(d, b.multiply(power, b.operation('log', x)))
    const exponent = b.constantAt(y)
    return [
      exponent === undefined ? b.select(y, byBase, b.zero) : exponent === 0 ? b.zero : byBase,
      b.select(x, b.select(power, byExponent, b.zero), b.zero),
    ]
  },
  expm1: (b, d, [x]) => [b.multiply(d, b.operation('exp', x))],
  log1p: (b, d, [x]) => [restrictDomain(b, b.constant(-1), x, b.divide(d, b.add(b.one, x)))],
  log2: (b, d, [x]) => [restrictDomain(b, b.zero, x, b.multiply(d, b.divide(b.constant(Math.LOG2E), x)))],
  log10: (b, d, [x]) => [restrictDomain(b, b.zero, x, b.multiply(d, b.divide(b.constant(Math.LOG10E), x)))],
  sinh: (b, d, [x]) => [b.multiply(d, b.operation('cosh', x))],
  cosh: (b, d, [x]) => [b.multiply(d, b.operation('sinh', x))],
  cbrt: (b, d, _, y) => [b.divide(d, b.multiply(b.constant(3), b.multiply(y, y)))],
  asin: (b, d, [x]) => [b.divide(d, complementaryRoot(b, x))],
  acos: (b, d, [x]) => [b.negate(b.divide(d, complementaryRoot(b, x)))],
  // x/(x² + y²) and −y/(x² + y²), without squares that underflow or overflow.
  atan2: (b, d, [y, x]) => {
    const isFlat = b.operation('less', b.operation('abs', y), b.operation('abs', x))
    const [longer, shorter] = [b.select(isFlat, x, y), b.select(isFlat, y, x)]
    const isBounded = b.operation('less', b.operation('abs', longer), b.constant(Infinity))
    const ratio = b.select(isBounded, b.divide(shorter, longer), b.zero)
    const square = b.add(b.one, b.multiply(ratio, ratio))
    const ofShorter = b.multiply(d, b.divide(b.divide(b.one, square), longer))
    const ofLonger = b.multiply(d, b.divide(b.divide(ratio, square), longer))
    return [b.select(isFlat, ofShorter, ofLonger), b.negate(b.select(isFlat, ofLonger, ofShorter))]
  },
  erf: (b, d, [x]) => [b.multiply(d, b.operation('erfSlope', x))],
  erfc: (b, d, [x]) => [b.negate(b.multiply(d, b.operation('erfSlope', x)))],
  erfcx: (b, d, [x], y) => {
    const product = b.multiply(b.constant(2), b.multiply(x, y))
    const near = b.subtract(product, b.constant(ERF_SLOPE_AT_0))
    // For larger x the two terms cancel, so the derivative of the approximation 1/(√π·x) is used.
    const isFar = b.operation('less', b.constant(1e8), x)
    return [b.multiply(d, b.select(isFar, b.negate(b.divide(y, x)), near))]
  },
  erfSlope: (b, d, [x], y) => [b.multiply(d, b.multiply(b.constant(-2), b.multiply(x, y)))],
  normpdf: (b, d, [x], y) => [b.negate(b.multiply(d, b.multiply(x, y)))],
  normcdf: (b, d, [x]) => [b.multiply(d, b.operation('normpdf', x))],
  // 1/density would lose bits for distant quantiles. The ratio erfcx/tail does not lose bits, because the tail is p.
  norminv: (b, d, [p], z) => {
    const size = b.multiply(b.constant(Math.SQRT1_2), b.operation('abs', z))
    const ratio = b.multiply(b.constant(SQRT_HALF_PI), b.operation('erfcx', size))
    const tail = b.operation('min', p, b.subtract(b.one, p))
    return [b.multiply(d, b.divide(ratio, tail))]
  },
  gamma: (b, d, [x], y) => [b.multiply(d, b.multiply(y, b.operation('digamma', x)))],
  lgamma: (b, d, [x]) => [b.multiply(d, b.operation('digamma', x))],
  digamma: (b, d, [x]) => [b.multiply(d, b.operation('trigamma', x))],
  trigamma: (b, d, [x]) => [b.multiply(d, b.operation('tetragamma', x))],
  tetragamma: throwNoSecondDerivative('trigamma'),
  voigt: (b, d, [x, sigma, gamma], y) => {
    const scale = b.multiply(sigma, b.constant(Math.SQRT2))
    const [u, v] = [b.divide(x, scale), b.divide(gamma, scale)]
    const share = b.divide(d, b.multiply(scale, b.constant(SQRT_PI)))
    const byX = b.divide(b.multiply(share, b.operation('faddeevaByX', u, v)), scale)
    const byGamma = b.divide(b.multiply(share, b.operation('faddeevaByY', u, v)), scale)
    const byScale = [b.multiply(b.multiply(share, y), b.constant(SQRT_PI)), b.multiply(byGamma, v)]
    const all = b.add(b.add(b.negate(byScale[0]), b.negate(byScale[1])), b.negate(b.multiply(byX, u)))
    return [byX, b.multiply(all, b.constant(Math.SQRT2)), byGamma]
  },
  faddeevaByX: throwNoSecondDerivative('voigt'),
  faddeevaByY: throwNoSecondDerivative('voigt'),
  floor: () => [null],
  sign: () => [null],
  min: (_, d) => [d, d],
  max: (_, d) => [d, d],
  select: (_, d) => [null, d, d],
  less: () => [null, null],
  lessOrEqual: () => [null, null],
  equal: () => [null, null],
}

/** The constants 2/√π and √(π/2). */
const ERF_SLOPE_AT_0 = 1.1283791670955126
const SQRT_HALF_PI = 1.2533141373155003

/** Computes √(1 − x²) as a product of factors. Small factors are exact. */
const complementaryRoot = (b: Builder, x: number): number =>
  b.operation('sqrt', b.multiply(b.subtract(b.one, x), b.add(b.one, x)))

/** The result is NaN for arguments below the lower end of the domain. */
const restrictDomain = (b: Builder, least: number, x: number, share: number): number =>
  b.select(b.operation('less', x, least), b.constant(NaN), share)

/** Conditions under which an operation selects each of its operands. */
const choices: { readonly [O in Operation]?: (b: Builder, operands: readonly number[]) => number[] } = {
  min: (b, [x, y]) => b.eitherWay(b.operation('less', x, y)),
  max: (b, [x, y]) => b.eitherWay(b.operation('less', y, x)),
  select: (b, [condition]) => [condition, ...b.eitherWay(condition)],
}

/** Operations whose derivatives are 0 if the incoming derivative is 0, even if an operand is infinite or NaN. */
const keepsZero: readonly Operation[] = ['add', 'subtract', 'negate', 'abs', 'min', 'max', 'select']

/** Creates nodes. Factors of 1 are omitted, and signs are moved outwards. The result stays bit-identical. */
export class Builder {
  readonly zero: number
  readonly one: number
  readonly #graph: Graph

  constructor(graph: Graph) {
    this.#graph = graph
    this.zero = graph.constant(0)
    this.one = graph.constant(1)
  }

  operation(operation: Operation, ...operands: number[]): number {
    return this.#graph.operation(operation, ...operands)
  }

  constant(value: number): number {
    return this.#graph.constant(value)
  }

  /** The value of a constant; undefined for other nodes. */
  constantAt(number: number): number | undefined {
    return this.#graph.constantAt(number)
  }

  add(a: number, b: number): number {
    const less = this.#graph.negated(a)
    const lessToo = this.#graph.negated(b)
    if (lessToo !== undefined) return this.subtract(a, lessToo)
    return less !== undefined ? this.subtract(b, less) : this.#graph.operation('add', a, b)
  }

  subtract(a: number, b: number): number {
    return this.#graph.operation('subtract', a, b)
  }

  multiply(a: number, b: number): number {
    if (a === this.one) return b
    if (b === this.one) return a
    const node = this.#graph.negated(a)
    const ofToo = this.#graph.negated(b)
    const product = this.#graph.operation('multiply', node ?? a, ofToo ?? b)
    return (node === undefined) === (ofToo === undefined) ? product : this.negate(product)
  }

  /** The sum of a node over the rows of the data. A sign inside the sum is moved out of the sum. */
  sum(a: number): number {
    const node = this.#graph.negated(a)
    return node === undefined ? this.#graph.sum(a) : this.negate(this.#graph.sum(node))
  }

  name(name: string): number {
    return this.#graph.name(name)
  }

  /** A value that is carried from row to row. The default of the initial value is 0. */
  carried(initial?: number): number {
    return this.#graph.carried(initial)
  }

  end(node: number, next: number): number {
    return this.#graph.end(node, next)
  }

  divide(a: number, b: number): number {
    const node = this.#graph.negated(a)
    return node === undefined
      ? this.operation('divide', a, b)
      : this.negate(this.operation('divide', node, b))
  }

  negate(a: number): number {
    return this.#graph.negated(a) ?? this.#graph.operation('negate', a)
  }

  select(condition: number, yes: number, no: number): number {
    const known = this.constantAt(condition)
    if (known !== undefined) return known === 0 ? no : yes
    return this.operation('select', condition, yes, no)
  }

  /** A condition, and the negation of the condition. */
  eitherWay(condition: number): number[] {
    return [condition, this.subtract(this.one, condition)]
  }
}

export interface Derivatives {
  /** Node of the value: the root, or the sum of the root over the rows. */
  readonly value: number
  /** Nodes of the derivatives, one per parameter. */
  readonly gradient: readonly number[]
}

/**
 * Derivatives of the root with respect to the parameters. If the root depends on rows of data, the root and its
 * derivatives are summed over the rows. Subexpressions that do not depend on the row are computed only once.
 *
 * @throws OptionError if an operation or a carried value has no derivative
 * @throws TypeError if the root depends on parameters through a matrix
 */
export function differentiate(
  graph: Graph,
  root: number,
  parameters: readonly string[],
  isByRow: (node: number) => boolean,
): Derivatives {
  const sweep = createSweep(graph, parameters)
  const slopes = sweep.run(root, isByRow)
  const gradient =
    slopes.leaves.length === 0
      ? parameters.map((name) => slopes.slopeAt(graph.name(name)) ?? sweep.builder.zero)
      : (graph.followCarried as CarriedDerivatives)(graph, parameters, sweep, slopes, isByRow)
  return { value: isByRow(root) ? graph.sum(root) : root, gradient }
}

/**
 * Reverse accumulation from a node to the leaves of its row: names, carried values, sums and final values.
 *
 * The order of the additions affects the bits of the result. Nodes are visited from the last to the first. The
 * contributions of the nodes that use a node are added in the order of the visits, within a row and then over the rows.
 */
function createSweep(graph: Graph, parameters: readonly string[]): RowSweep {
  const builder = new Builder(graph)
  const moves = findDependents(graph, parameters)
  const run = (root: number, isByRow: (node: number) => boolean): RowSlopes => {
    // For each node, derivative contributions from nodes that depend on the row, and contributions from all other nodes.
    const byRow: (number | undefined)[] = new Array(root + 1)
    const whole: (number | undefined)[] = new Array(root + 1)
    // Condition under which a node counts; null if the node always counts. An operand that is not selected may be
    // infinite or NaN without changing the result.
    const guards: (number | null | undefined)[] = new Array(root + 1)
    const leaves: number[] = []
    const add = (number: number, d: number, isFromRow: boolean, guard: number | null) => {
      const to = isFromRow ? byRow : whole
      const before = to[number]
      to[number] = before === undefined ? d : builder.add(before, d)
      const other = guards[number]
      const either =
        guard === null || other === null
          ? null
          : other === undefined
            ? guard
            : builder.operation('max', guard, other)
      guards[number] = isFromRow && !isByRow(number) ? null : either
    }
    add(root, builder.one, isByRow(root), null)
    for (let number = root; number >= 0; number--) {
      const node = graph.nodes[number]
      if (!moves[number] || guards[number] === undefined) continue
      const fromRows = byRow[number]
      const isRow = isByRow(number)
      if (fromRows !== undefined && !isRow) add(number, graph.sum(fromRows), false, null)
      if (node.kind !== 'operation') {
        if (node.kind === 'element') throw new TypeError('a matrix has no derivatives')
        if (node.kind !== 'name') leaves.push(number)
        continue
      }
      const { operation, operands } = node
      const guard = guards[number] as number | null
      const shares = derivativeRules[operation as keyof typeof derivativeRules](
        builder,
        (isRow ? byRow : whole)[number] as number,
        operands,
        number,
      )
      const chosen = choices[operation]?.(builder, operands)
      for (let k = 0; k < operands.length; k++) {
        const operand = operands[k]
        const share = shares[k]
        if (share === null || !moves[operand]) continue
        const condition = chosen?.[k] ?? (guard === null || keepsZero.includes(operation) ? null : guard)
        const counts = condition === null ? share : builder.select(condition, share, builder.zero)
        const inner =
          chosen === undefined || guard === null ? (chosen?.[k] ?? guard) : builder.multiply(guard, chosen[k])
        add(operand, counts, isRow, inner)
      }
    }
    return {
      leaves,
      slopeAt: (leaf) => whole[leaf],
      multiply: (leaf, factor) => {
        const product = builder.multiply((isByRow(leaf) ? byRow : whole)[leaf] as number, factor)
        const guard = guards[leaf] as number | null
        return guard === null ? product : builder.select(guard, product, builder.zero)
      },
    }
  }
  return { builder, run }
}

/** Whether each node depends on a parameter or on a carried value. */
export function findDependents(graph: Graph, parameters: readonly string[]): boolean[] {
  const moves: boolean[] = []
  for (let number = 0; number < graph.nodes.length; number++) {
    const node = graph.nodes[number]
    let isDependent = node.kind === 'name' ? parameters.includes(node.name) : node.kind === 'carried'
    const operands = graph.operandsOf(number)
    for (let k = 0; k < operands.length && !isDependent; k++) isDependent = moves[operands[k]]
    moves.push(isDependent)
  }
  return moves
}

/**
 * The lower triangle of the root's matrix of second derivatives, row by row.
 *
 * @param isByRow whether the derivatives are summed over the rows of the data
 */
export function secondDerivatives(
  graph: Graph,
  root: number,
  parameters: readonly string[],
  isByRow: boolean,
): number[] {
  const slopes = (node: number) => differentiate(graph, node, parameters, () => false).gradient
  return slopes(root).flatMap((slope, i) =>
    slopes(slope)
      .slice(0, i + 1)
      .map((second) => (isByRow ? graph.sum(second) : second)),
  )
}
