/** Graphs of many operations, which are deep: they compile, and have the same results on every engine. */

import { expression } from 'antigrad'
import { fitManySync, fitReasons, profileSync } from 'antigrad/fit'
import { expect, test } from 'vitest'
import { compileLong } from '../bench/lib/compiling.mjs'
import { arithmetic, lorenz, parameters, point } from '../bench/lib/lorenz.mjs'
import { Builder, differentiate } from '../dist/expressions/differentiate.js'
import { Graph } from '../dist/expressions/graph.js'
import { compile } from '../dist/expressions/program.js'
import { digest, withOneNaN } from './bits.js'
import { dtypes } from './helpers.js'
import { programOf, runProgram } from './program-runs.js'
import { waysToRun } from './support.js'

const ways = waysToRun(1)
const typescript = { engine: 'typescript' } as const

/** The results of a program without data at a point, which are the same on every engine. */
function resultsOf(program: ReturnType<typeof programOf>, x: readonly number[]): readonly number[] {
  const [reference, ...others] = [typescript, ...ways].map(
    (way) => runProgram(program, { columns: [], points: [x] }, way)[0],
  )
  for (const found of others) expect(digest([withOneNaN(found)])).toBe(digest([withOneNaN(reference)]))
  return [...reference]
}

test('an integration of 20,000 operations has exact values and derivatives', () => {
  const { graph, root, steps } = compileLong()
  expect(graph.nodes.length).toBeGreaterThan(40_000)
  const { value, gradient } = differentiate(graph, root, parameters, () => false)
  const [found, ...slopes] = resultsOf(programOf(graph, [value, ...gradient], parameters, []), point)
  const at = (x: readonly number[]): number => lorenz(arithmetic, x as never, steps)
  expect(found).toBe(at(point))
  for (const [i, slope] of slopes.entries()) {
    const h = 1e-6 * point[i]
    const moved = (sign: number) => at(point.with(i, point[i] + sign * h))
    expect(slope / ((moved(1) - moved(-1)) / (2 * h))).toBeCloseTo(1, 6)
  }
})

// The slots of 256 lanes would exceed a second-level cache, so that the native engine runs fewer lanes at a time.
test.each(dtypes)('a program of many slots has the same bits alone and in 300 lanes, in %s', (dtype) => {
  const graph = new Graph()
  const b = new Builder(graph)
  const names = parameters.map((name) => b.name(name))
  const { value, gradient } = differentiate(graph, lorenz(b, names as never, 40), parameters, () => false)
  const program = programOf(graph, [value, ...gradient], parameters, [])
  expect(program.slots).toBeGreaterThan(700)
  const points = Array.from({ length: 300 }, (_, k) =>
    point.map((x, i) => x * (1 + ((k * (i + 3)) % 17) / 64)),
  )
  const run = (some: readonly (readonly number[])[], way: (typeof ways)[number]) =>
    runProgram(program, { columns: [], points: some, dtype }, way).map(withOneNaN)
  const wanted = run(points, typescript)
  for (const way of ways) {
    expect(digest(run(points, way)), JSON.stringify(way)).toBe(digest(wanted))
    expect(digest(run([points[299]], way)), JSON.stringify(way)).toBe(digest([wanted[299]]))
  }
})

test('a chain of 50,000 operations compiles, and its derivative is exact', () => {
  const graph = new Graph()
  const b = new Builder(graph)
  const [x, factor] = [b.name('x'), b.constant(1 - 2 ** -12)]
  const add = b.constant(2 ** -10)
  let [node, value, slope] = [x, 0.5, 1]
  for (let k = 0; k < 25_000; k++) {
    node = b.add(b.multiply(node, factor), add)
    value = value * (1 - 2 ** -12) + 2 ** -10
    slope *= 1 - 2 ** -12
  }
  const { gradient } = differentiate(graph, node, ['x'], () => false)
  const [found, derivative] = resultsOf(programOf(graph, [node, ...gradient], ['x'], []), [0.5])
  expect(found).toBe(value)
  expect(derivative / slope).toBeCloseTo(1, 12)
})

test('operations with equal operands have one node, also after the graph has grown', () => {
  const graph = new Graph()
  const x = graph.name('x')
  const first = graph.operation('exp', x)
  const nodes = Array.from({ length: 3000 }, (_, k) => graph.operation('add', x, graph.constant(k + 0.5)))
  const choices = nodes.map((node) => graph.operation('select', x, node, first))
  expect(graph.operation('exp', x)).toBe(first)
  for (const [k, node] of nodes.entries()) {
    expect(graph.operation('add', graph.constant(k + 0.5), x)).toBe(node)
    expect(graph.operation('select', x, node, first)).toBe(choices[k])
    expect(graph.operation('select', x, first, node)).not.toBe(choices[k])
  }
  expect(graph.operation('subtract', x, first)).not.toBe(graph.operation('subtract', first, x))
  expect(graph.constant(-0)).not.toBe(graph.constant(0))
  expect(graph.constant(NaN)).toBe(graph.constant(NaN))
  expect(compile(graph, [nodes[7]], ['x'], []).head).toHaveLength(1)
})

test('a fit follows nested powers in a logarithm and long sums once per operation', () => {
  const x = [1, 2, 3, 4, 5]
  const y = [[1, 2, 3, 4, 6]]
  // With a visit per path, 2³⁰ visits would take minutes.
  const nested = Array.from({ length: 5 }).reduce((text: string) => `(${text})^64`, 'a*x')
  const found = fitManySync(expression(`log(${nested}) + b*x`), { x, y }, { y: 'y', start: { a: 1, b: 1 } })
  expect(profileSync(found, ['b']).b.low).toHaveLength(1)
  const sum = Array.from({ length: 1800 }, (_, k) => `a*x^${k % 3}`).join(' + ')
  const long = fitManySync(expression(`${sum} + b`), { x, y }, { y: 'y', start: { a: 1e-4, b: 1 } })
  expect(fitReasons[long.reason[0]]).toBe('converged')
})
