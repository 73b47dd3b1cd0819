// Newton's method with exact Hessians on Rosenbrock's function of n parameters, one start per lane. The factorization is
// an instruction on matrices, or it is written out without loops, for comparison.
import { Builder, differentiate } from '../../dist/expressions/differentiate.js'
import { Graph } from '../../dist/expressions/graph.js'
import { modifiedLdlt } from '../../dist/expressions/matrices.js'
import { compile } from '../../dist/expressions/program.js'
import { inLanes } from './lanes.mjs'

const UPDATES = 16

/** Rosenbrock's function, its gradient, and the lower triangle of its Hessian. */
function rosenbrock(graph, b, names) {
  const x = names.map((name) => graph.name(name))
  const terms = x.slice(1).map((next, i) => {
    const [u, v] = [b.subtract(next, b.multiply(x[i], x[i])), b.subtract(b.one, x[i])]
    return b.add(b.multiply(b.constant(100), b.multiply(u, u)), b.multiply(v, v))
  })
  const f = terms.reduce((sum, term) => b.add(sum, term))
  const slopes = (node) => differentiate(graph, node, names, () => false).gradient
  const gradient = slopes(f)
  return { x, f, gradient, hessian: gradient.flatMap((slope, i) => slopes(slope).slice(0, i + 1)) }
}

/** The solution of equations, with L·D·Lᵀ written out. Pivots are at least 1e-8. */
function writtenOut(b, triangle, right) {
  const at = (i, j) => (i * (i + 1)) / 2 + j
  const [lower, pivots, x] = [[...triangle], [], [...right]]
  const n = x.length
  const less = (from, ...factors) =>
    b.subtract(
      from,
      factors.reduce((product, factor) => b.multiply(product, factor)),
    )
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      for (let k = 0; k < j; k++)
        lower[at(i, j)] = less(lower[at(i, j)], lower[at(i, k)], lower[at(j, k)], pivots[k])
      if (i === j) pivots.push(b.operation('max', lower[at(j, j)], b.constant(1e-8)))
      else lower[at(i, j)] = b.divide(lower[at(i, j)], pivots[j])
    }
  }
  for (let i = 0; i < n; i++) for (let k = 0; k < i; k++) x[i] = less(x[i], lower[at(i, k)], x[k])
  for (let i = 0; i < n; i++) x[i] = b.divide(x[i], pivots[i])
  for (let i = n - 1; i >= 0; i--) for (let k = i + 1; k < n; k++) x[i] = less(x[i], lower[at(k, i)], x[k])
  return x
}

/** A program that accepts a point if the function decreases enough, and tries the next one. The state is kept. */
function compileNewton(n, usesMatrix) {
  const graph = new Graph()
  const b = new Builder(graph)
  const names = Array.from({ length: n }, (_, i) => `x${i}`)
  const starts = names.map((_, i) => 0.3 - 0.1 * (i % 10))
  const { x, f, gradient, hessian } = rosenbrock(graph, b, [...names])
  const state = (values) =>
    values.map((value) => {
      starts.push(value)
      names.push(`@${names.length}`)
      return graph.name(names.at(-1))
    })
  const zeros = (values) => values.map(() => 0)
  const [best, direction, matrix] = [state(zeros(x)), state(zeros(x)), state(zeros(hessian))]
  const [least, step, slope, damping] = state([1e300, 1, 0, 1e-3])
  const bound = b.add(least, b.multiply(b.constant(1e-4), b.multiply(step, slope)))
  const isBetter = b.operation('lessOrEqual', f, bound)
  const select = (values, others) => values.map((value, i) => b.select(isBetter, value, others[i]))
  const [newBest, newMatrix] = [select(x, best), select(hessian, matrix)]
  const factor = b.select(isBetter, b.constant(0.3), b.constant(4))
  const newDamping = b.multiply(damping, factor)
  const damped = newMatrix.map((value, k) => {
    const row = Math.floor(Math.sqrt(2 * k + 1.75) - 0.5)
    return k === (row * (row + 3)) / 2 ? b.add(value, newDamping) : value
  })
  const right = gradient.map((g) => b.negate(g))
  const solution = usesMatrix
    ? modifiedLdlt(graph, damped, [right]).solutions[0]
    : writtenOut(b, damped, right)
  const newDirection = select(solution, direction)
  const newSlope = newDirection.map((d, i) => b.multiply(d, gradient[i])).reduce((sum, d) => b.add(sum, d))
  const newStep = b.select(isBetter, b.one, b.multiply(step, b.constant(0.5)))
  const tried = newBest.map((value, i) => b.add(value, b.multiply(newStep, newDirection[i])))
  const scalars = [b.select(isBetter, f, least), newStep, b.select(isBetter, newSlope, slope), newDamping]
  const outputs = [...tried, ...newBest, ...newDirection, ...newMatrix, ...scalars, b.zero]
  return { program: compile(graph, outputs, names, []), starts, leastAt: names.length - 4 }
}

/** Newton's method in lanes. A run takes the nanoseconds of an evaluation and lane. */
export function newtonLanes(n, usesMatrix, options, runs = 4096) {
  const { program, starts, leastAt } = compileNewton(n, usesMatrix)
  const { batch, timed } = inLanes(program, starts, { runs, updates: UPDATES }, options)
  return {
    runs,
    instructions: program.head.length,
    run: timed,
    /** The least function value of a lane. */
    least: () => batch.cohorts()[0].theta(leastAt)[0],
  }
}
