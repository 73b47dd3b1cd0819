/** Operations of programs on matrices: results, bits of all engines, and programs that are refused. */

import { engines } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { FIRST_MATRIX_OPERATION } from '../dist/arena/manifest.js'
import { runToEnd } from '../dist/core/slices.js'
import { Builder, differentiate } from '../dist/expressions/differentiate.js'
import { Graph } from '../dist/expressions/graph.js'
import {
  cholesky,
  type Factors,
  ldlt,
  lu,
  modifiedLdlt,
  qr,
  solve,
  solveTriangle,
} from '../dist/expressions/matrices.js'
import { compile, type Program } from '../dist/expressions/program.js'
import { ProgramRunner } from '../dist/expressions/run.js'
import { factorize, solve as solveWritten } from '../dist/fits/programs/ldlt.js'
import { Batch } from '../dist/many/batch/batch.js'
import { selectRunner } from '../dist/many/engines/engines.js'
import { iterateInTypeScript } from '../dist/many/engines/iterate.js'
import { wasmModule as fits } from '../dist/webassembly/fits.js'
import { wasmModule as many } from '../dist/webassembly/many.js'
import { bits, dtypes } from './helpers.js'

/** A program of one update: inputs stay, and results follow them. */
interface Computation {
  readonly program: Program
  readonly inputs: number
  readonly results: number
}

function define(
  inputs: number,
  make: (graph: Graph, nodes: readonly number[]) => readonly number[],
): Computation {
  const graph = new Graph()
  const names = Array.from({ length: inputs }, (_, k) => `a${k}`)
  const nodes = names.map((name) => graph.name(name))
  const results = make(graph, nodes)
  const all = [...names, ...results.map((_, k) => `r${k}`)]
  const program = compile(graph, [...nodes, ...results, graph.constant(0)], all, [])
  return { program, inputs, results: results.length }
}

/** Random numbers between −1 and 1. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state / 2 ** 31
  }
}

/** Runs a computation for several points, one per lane. */
function run(
  { program, inputs, results }: Computation,
  points: readonly (readonly number[])[],
  dtype: 'float32' | 'float64',
  options: Parameters<typeof selectRunner>[0],
  module = many,
) {
  const runs = points.length
  const batch = new Batch({
    ...{
      dtype,
      value: program,
      gradient: program,
      kernel: null,
      loop: iterateInTypeScript,
      runs,
      columns: 0,
      shared: 0,
      rows: 0,
    },
    ...{ cohorts: 1, lanes: Math.ceil(runs / 256) * 256, updates: 1, maxUpdates: 9, tolerance: 0 },
    ...{ exempt: 0, delay: 0, scratches: 1, isBounded: false },
  })
  const x = program.parameters.map((_, k) =>
    k < inputs ? Float64Array.from(points, (point) => point[k]) : 0,
  )
  runToEnd(batch.fill({ runs: Uint32Array.from(points, (_, k) => k), data: [], x, starts: [], box: null }))
  batch.set('updates', 1)
  selectRunner(options, module).runner.advance(batch)
  const [cohort] = batch.cohorts()
  return Array.from({ length: results }, (_, k) => cohort.theta(inputs + k).slice(0, runs))
}

const all = (factors: Factors) => [...factors.elements, ...factors.solutions.flat()]

const vectors = (nodes: readonly number[], length: number) =>
  Array.from({ length: nodes.length / length }, (_, k) => nodes.slice(k * length, (k + 1) * length))

const triangleOf = (n: number) => (n * (n + 1)) / 2

/** Computations with matrices of order n and two right-hand sides. */
const computations: Readonly<Record<string, (n: number) => Computation>> = {
  ...Object.fromEntries(
    Object.entries({ ldlt, modifiedLdlt, cholesky }).map(([name, factorize]) => [
      name,
      (n: number) =>
        define(triangleOf(n) + 2 * n, (graph, nodes) => {
          const sides = vectors(nodes.slice(triangleOf(n)), n)
          const factors = factorize(graph, nodes.slice(0, triangleOf(n)), [sides[0]])
          return [...all(factors), ...solve(graph, factors, sides).flat()]
        }),
    ]),
  ),
  lu: (n) =>
    define(n * n + 2 * n, (graph, nodes) => {
      const sides = vectors(nodes.slice(n * n), n)
      const factors = lu(graph, vectors(nodes.slice(0, n * n), n), [sides[0]])
      return [...all(factors), ...solve(graph, factors, sides).flat()]
    }),
  qr: (n) =>
    define((n + 2) * (n + 1), (graph, nodes) => {
      const rows = vectors(nodes, n + 1)
      const factors = qr(
        graph,
        rows.map((row) => row.slice(0, n)),
        rows.map((row) => row.slice(n)),
      )
      const right = rows.slice(0, n).map((_, k) => factors.elements[k * (n + 1) + n])
      return [...factors.elements, ...solve(graph, factors, [right]).flat()]
    }),
  triangles: (n) =>
    define(triangleOf(n) + n, (graph, nodes) => {
      const factors = cholesky(graph, nodes.slice(0, triangleOf(n)))
      const sides = [nodes.slice(triangleOf(n))]
      return [
        ...solveTriangle(graph, 'solveLower', factors, sides)[0],
        ...solveTriangle(graph, 'solveLowerTransposed', factors, sides)[0],
      ]
    }),
}

/** Points of all kinds: definite, indefinite, singular, of zeros, huge, tiny, NaN and infinite. */
function pointsOf(inputs: number, n: number, isSquare: boolean, runs: number): number[][] {
  const draw = random(inputs)
  return Array.from({ length: runs }, (_, run) => {
    const point = Array.from({ length: inputs }, draw)
    const diagonal = (i: number) => (isSquare ? i * n + i : triangleOf(i) + i)
    if (run % 8 < 2) for (let i = 0; i < n; i++) point[diagonal(i)] += n
    if (run % 8 === 2) point[diagonal(n >> 1)] = 0
    if (run % 8 === 3) point.fill(0)
    if (run % 8 === 4) for (let k = 0; k < inputs; k++) point[k] *= 1e30
    if (run % 8 === 5) for (let k = 0; k < inputs; k++) point[k] *= 1e-30
    if (run % 16 === 6) point[inputs >> 2] = NaN
    if (run % 16 === 14) point[inputs >> 2] = -Infinity
    return point
  })
}

/** The bits of numbers; NaN has one form. */
const canonical = (columns: readonly (Float32Array | Float64Array)[]) =>
  columns.map((column) => bits(column.map((x) => (Number.isNaN(x) ? NaN : x))))

describe.each(Object.keys(computations))('%s', (name) => {
  const sets = engines().native.instructionSets
  test.each(dtypes)('gives the same bits in TypeScript and on all instruction sets in %s', (dtype) => {
    for (const [n, runs] of [
      [1, 9],
      [2, 33],
      [5, 300],
      [17, 19],
    ]) {
      const computation = computations[name](n)
      const points = pointsOf(computation.inputs, n, name === 'lu', runs)
      const expected = canonical(run(computation, points, dtype, { engine: 'typescript' }))
      for (const instructionSet of sets) {
        const options = { engine: 'native', instructionSet, threads: 1 } as const
        expect(canonical(run(computation, points, dtype, options)), instructionSet).toEqual(expected)
      }
    }
  })
})

/** Results of one point in TypeScript. */
const resultsOf = (computation: Computation, point: readonly number[]) =>
  run(computation, [point], 'float64', { engine: 'typescript' }).map(([x]) => x)

const symmetric = (triangle: readonly number[], i: number, j: number) =>
  triangle[i < j ? triangleOf(j) + i : triangleOf(i) + j]

describe('a solution', () => {
  const n = 12
  const draw = random(7)
  const matrix = Array.from({ length: n * n }, draw)
  const triangle = Array.from({ length: triangleOf(n) }, draw)
  for (let i = 0; i < n; i++) triangle[triangleOf(i) + i] += n
  const [b, c] = [0, 1].map(() => Array.from({ length: n }, draw))

  test.each(['ldlt', 'modifiedLdlt', 'cholesky'])('satisfies the equations, also later ones: %s', (name) => {
    const results = resultsOf(computations[name](n), [...triangle, ...b, ...c])
    const solutions = results.slice(triangleOf(n))
    for (const [k, right] of [b, b, c].entries())
      for (let i = 0; i < n; i++) {
        const x = solutions.slice(k * n, (k + 1) * n)
        const product = x.reduce((sum, xj, j) => sum + symmetric(triangle, i, j) * xj, 0)
        expect(product).toBeCloseTo(right[i], 12)
      }
  })

  test('satisfies the equations: lu', () => {
    const results = resultsOf(computations.lu(n), [...matrix, ...b, ...c])
    const solutions = results.slice(n * n + n)
    for (const [k, right] of [b, b, c].entries())
      for (let i = 0; i < n; i++) {
        const x = solutions.slice(k * n, (k + 1) * n)
        const product = x.reduce((sum, xj, j) => sum + matrix[i * n + j] * xj, 0)
        expect(product).toBeCloseTo(right[i], 11)
      }
  })

  test('leaves residuals that are orthogonal to the columns: qr', () => {
    const rows = vectors(Array.from({ length: (n + 2) * (n + 1) }, draw), n + 1)
    const x = resultsOf(computations.qr(n), rows.flat()).slice(-n)
    const residuals = rows.map((row) => x.reduce((sum, xj, j) => sum - row[j] * xj, row[n]))
    for (let j = 0; j < n; j++)
      expect(residuals.reduce((sum, residual, i) => sum + residual * rows[i][j], 0)).toBeCloseTo(0, 12)
  })

  test('descends if the matrix is modified, whatever its scale', () => {
    const indefinite = triangle.map((x, k) => (k % 3 === 0 ? -x : x))
    const results = resultsOf(computations.modifiedLdlt(n), [...indefinite, ...b, ...c])
    const pivots = Array.from({ length: n }, (_, i) => results[triangleOf(i) + i])
    expect(Math.min(...pivots)).toBeGreaterThan(0)
    const descent = results.slice(triangleOf(n), triangleOf(n) + n)
    expect(descent.reduce((sum, x, i) => sum + x * b[i], 0)).toBeGreaterThan(0)
    for (const scale of [2 ** 900, 2 ** -900]) {
      const scaled = resultsOf(computations.modifiedLdlt(n), [
        ...indefinite.map((x) => x * scale),
        ...b,
        ...c,
      ])
      expect(scaled.slice(triangleOf(n)).map((x) => x * scale)).toEqual(results.slice(triangleOf(n)))
    }
    const definite = resultsOf(computations.modifiedLdlt(n), [...triangle, ...b, ...c])
    expect(definite).toEqual(resultsOf(computations.ldlt(n), [...triangle, ...b, ...c]))
  })

  test('has the bits of the algebra of fits: ldlt', () => {
    const written = define(triangleOf(n) + 2 * n, (graph, nodes) => {
      const builder = new Builder(graph)
      const factors = factorize(builder, nodes.slice(0, triangleOf(n)), n)
      return vectors(nodes.slice(triangleOf(n)), n).flatMap((side) => solveWritten(builder, factors, side))
    })
    const expected = resultsOf(written, [...triangle, ...b, ...c])
    expect(resultsOf(computations.ldlt(n), [...triangle, ...b, ...c]).slice(-2 * n)).toEqual(expected)
  })

  test('is the right-hand side if the matrix is 0', () => {
    const results = resultsOf(computations.modifiedLdlt(n), [...triangle.map(() => 0), ...b, ...c])
    expect(results.slice(triangleOf(n), triangleOf(n) + n)).toEqual(b)
  })

  test('is NaN if the matrix contains NaN', () => {
    for (let k = 0; k < triangle.length; k += 7) {
      const point = [...triangle.map((x, at) => (at === k ? NaN : x)), ...b, ...c]
      const results = resultsOf(computations.modifiedLdlt(n), point)
      expect(results.slice(triangleOf(n)).every(Number.isNaN), `${k}`).toBe(true)
    }
  })
})

describe('a compiled matrix', () => {
  test('keeps operands that other nodes use, and reads results anywhere', () => {
    const computation = define(4, (graph, [a, b, c, x]) => {
      const sum = graph.operation('add', a, b)
      const { solutions } = ldlt(graph, [sum], [[x]])
      const twice = ldlt(graph, [solutions[0][0]], [[sum]])
      return [twice.solutions[0][0], graph.operation('multiply', sum, c), solutions[0][0]]
    })
    expect(resultsOf(computation, [1, 3, 5, 8])).toEqual([2, 20, 2])
  })

  test('is one instruction, without copies of operands that nothing else uses', () => {
    const computation = define(4, (graph, [a, b, c, x]) =>
      ldlt(graph, [
        graph.operation('add', a, b),
        graph.operation('add', b, c),
        graph.operation('add', c, x),
      ]).elements.slice(),
    )
    const codes = computation.program.head.map(([code]) => code)
    expect(codes.filter((code) => code >= FIRST_MATRIX_OPERATION)).toEqual([FIRST_MATRIX_OPERATION])
    expect(codes).toHaveLength(4)
    expect(computation.program.head.at(-1)).toEqual([FIRST_MATRIX_OPERATION, 8, 0, 2, 0, 0])
  })

  test('stores factors only if they are read', () => {
    const lastOf = (results: (graph: Graph, factors: Factors) => readonly number[]) => {
      const { program } = define(5, (graph, nodes) =>
        results(graph, lu(graph, vectors(nodes.slice(0, 4), 2), [[nodes[4], nodes[0]]])),
      )
      return program.head.filter(([code]) => code >= FIRST_MATRIX_OPERATION).map(([, , , , , d]) => d)
    }
    expect(lastOf((_, { solutions }) => solutions[0])).toEqual([1])
    expect(lastOf((_, { elements }) => elements.slice(5))).toEqual([0])
    expect(lastOf((graph, factors) => solve(graph, factors, factors.solutions)[0])).toEqual([0, 0])
  })

  test('depends on rows of data, and then rows are not in lanes', () => {
    const graph = new Graph()
    const [p, y] = [graph.name('p'), graph.name('y')]
    const product = graph.operation('multiply', p, p)
    const { solutions } = ldlt(graph, [graph.operation('add', y, graph.constant(1))], [[product]])
    const program = compile(graph, [graph.sum(solutions[0][0])], ['p'], ['y'])
    expect(program.carries).toBe(true)
    const runner = new ProgramRunner(program, 'float64')
    runner.run([6], [[0, 1, 2]], 3)
    expect(runner.slots[program.outputs[0]]).toBe(36 + 18 + 12)
  })

  test('has no derivatives, unless it does not depend on parameters', () => {
    const graph = new Graph()
    const [p, q] = [graph.name('p'), graph.name('q')]
    const { solutions } = ldlt(graph, [graph.operation('multiply', q, q)], [[graph.constant(8)]])
    const root = graph.operation('multiply', p, solutions[0][0])
    const of = (parameters: readonly string[]) => differentiate(graph, root, parameters, () => false)
    expect(of(['p']).gradient).toEqual([solutions[0][0]])
    expect(() => of(['p', 'q'])).toThrow(new TypeError('a matrix has no derivatives'))
    expect(() => differentiate(graph, root, ['q'], () => true)).toThrow('a matrix has no derivatives')
  })

  test('is refused if its size is wrong', () => {
    const graph = new Graph()
    const nodes = Array.from({ length: 65 * 66 }, (_, k) => graph.name(`a${k}`))
    expect(() => ldlt(graph, nodes.slice(0, 4))).toThrow('triangle: expected 3 elements, got 4')
    expect(() => ldlt(graph, nodes.slice(0, 3), [[nodes[0]]])).toThrow('elements: expected 5, got 4')
    expect(() => ldlt(graph, nodes.slice(0, triangleOf(65)))).toThrow('rows: expected 1 to 64, got 65')
    expect(() => ldlt(graph, [])).toThrow('rows: expected 1 to 64, got 0')
    expect(() => qr(graph, [nodes.slice(0, 3), nodes.slice(0, 3)])).toThrow('rows: expected 3 to 64, got 2')
  })

  test.each([
    ['fits', fits],
    ['many runs', many],
  ])('is refused by the WebAssembly module of %s, which has no matrices', (_, module) => {
    const computation = computations.ldlt(2)
    const points = pointsOf(computation.inputs, 2, false, 3)
    expect(() => run(computation, points, 'float64', { engine: 'wasm' }, module)).toThrow()
  })
})
