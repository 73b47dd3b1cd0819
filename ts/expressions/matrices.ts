/**
 * Matrices as nodes of a graph: factorizations and solutions of up to {@link MAX_MATRIX} equations per lane, each as one
 * instruction of the compiled program. The elements of a matrix are nodes, and so are the elements of the result.
 *
 * `compile` places the operands of an instruction in consecutive slots. An operand that nothing else uses is computed
 * in its slot; any other operand is copied. The instruction replaces its operands by its results.
 *
 * Derivatives do not pass through matrices: differentiate before a matrix is made. `differentiate` throws an error if a
 * matrix depends on parameters.
 */

import { FIRST_MATRIX_OPERATION, MATRIX_OPERATIONS, MAX_MATRIX } from '../arena/manifest.js'
import { extensions } from '../extensions.js'
import type { Graph } from './graph.js'
import {
  changedLength,
  type MatrixNode,
  type MatrixOperation,
  type MatrixShape,
  runMatrix,
  tileLength,
  triangleLength,
} from './matrix-operations.js'
import type { Instruction, ProgramStep, Section, Slots } from './steps.js'

/** The parts of a program that `compile` has made before steps get slots. */
interface MatrixPlacement {
  readonly uses: ArrayLike<number>
  /** Sections of the nodes; operands of a matrix move to the section of the matrix. */
  readonly sections: Uint8Array
  /** The slot of each node that has one. */
  readonly places: (number | undefined)[]
  readonly slots: Slots
  /** Steps in the order of their nodes. Steps of matrices are added. */
  readonly steps: ProgramStep[]
}

interface PlacedMatrices {
  /** Count of elements in the workspace of matrices. */
  readonly tile: number
  /** Whether rows contain matrices. Such rows cannot be lanes. */
  readonly isByRow: boolean
  /** The nodes whose slots have no other use. */
  readonly kept: readonly number[]
}

declare module '../extensions.js' {
  interface Extensions {
    matrices: {
      /** Places matrices. */
      place(graph: Graph, placement: MatrixPlacement): PlacedMatrices
      run: typeof runMatrix
    }
  }
}

extensions.matrices = { place: placeMatrices, run: runMatrix }

/** A factorized matrix. */
export interface Factors {
  readonly operation: MatrixOperation
  readonly order: number
  /** Node of the instruction. */
  readonly node: number
  /** Elements of the result, in the order of the operands. */
  readonly elements: readonly number[]
  /** Solutions for the right-hand sides that were passed to the factorization. */
  readonly solutions: readonly (readonly number[])[]
}

type Vectors = readonly (readonly number[])[]

/**
 * Factorizes a symmetric matrix as L·D·Lᵀ without exchanges of rows, and solves equations with it. The diagonal of the
 * result is D; the diagonal of L is 1. A pivot of 0 makes infinite and NaN elements.
 *
 * @param triangle nodes of the lower triangle by rows: (0,0), (1,0), (1,1), …
 */
export const ldlt = (graph: Graph, triangle: readonly number[], sides: Vectors = []): Factors =>
  factorizeTriangle(graph, 'ldlt', triangle, sides)

/**
 * Same as {@link ldlt} for a matrix that is modified until it is positive definite. A sufficiently positive definite
 * matrix stays as it is. Elimination leaves an element c of the diagonal, and θ is the largest element below c. The
 * element of D is the largest of |c|, (θ/β)² and δ (Gill, Murray and Wright, Practical Optimization, 1981, section
 * 4.4.2.2; β² is twice their value, because rows are not exchanged). The matrix of zeros becomes the unit matrix. If
 * the matrix contains NaN, all solutions are NaN.
 */
export const modifiedLdlt = (graph: Graph, triangle: readonly number[], sides: Vectors = []): Factors =>
  factorizeTriangle(graph, 'modifiedLdlt', triangle, sides)

/** Factorizes a positive definite matrix as L·Lᵀ. Columns from the first pivot on that is not positive are NaN. */
export const cholesky = (graph: Graph, triangle: readonly number[], sides: Vectors = []): Factors =>
  factorizeTriangle(graph, 'cholesky', triangle, sides)

/**
 * Factorizes a square matrix as P·A = L·U. The pivot is the largest element of a column, the first of equal ones. The
 * result contains L below its diagonal, which is 1, and U, and then for each row the index of the row that it was
 * exchanged with. A column of zeros stays; solutions are infinite or NaN then.
 *
 * @param rows nodes of the matrix
 */
export function lu(graph: Graph, rows: Vectors, sides: Vectors = []): Factors {
  const n = checkSize('rows', rows.length)
  const zeros = rows.map(() => graph.constant(0))
  return factorize(graph, shapeOf('lu', n, sides.length), [...rows.flat(), ...zeros, ...sides.flat()])
}

/**
 * Reduces a matrix of at least as many rows as columns by Householder reflections: A = Q·R. The rows of the
 * result are the rows of R, which end with 0 below the diagonal, each followed by the elements of Qᵀ·B.
 *
 * @param columns nodes of the rows of B, each as long as A has right-hand sides
 */
export function qr(graph: Graph, rows: Vectors, columns: Vectors = rows.map(() => [])): Factors {
  const n = checkSize('columns', rows[0].length)
  const shape = { ...shapeOf('qr', n, columns[0].length), d: checkSize('rows', rows.length, n) }
  return factorize(
    graph,
    shape,
    rows.flatMap((row, i) => [...row, ...columns[i]]),
  )
}

/** Solves equations with factors of {@link ldlt}, {@link modifiedLdlt}, {@link cholesky}, {@link lu} or {@link qr}. */
export function solve(graph: Graph, factors: Factors, sides: Vectors): Vectors {
  const { operation } = factors
  if (operation === 'cholesky')
    return solveTriangle(
      graph,
      'solveLowerTransposed',
      factors,
      solveTriangle(graph, 'solveLower', factors, sides),
    )
  const by = operation === 'lu' ? 'solveLu' : operation === 'qr' ? 'solveUpper' : 'solveLdlt'
  return solveTriangle(graph, by, factors, sides)
}

/** Solves equations with one triangle: L of {@link cholesky}, its transpose, or R of {@link qr}. */
export function solveTriangle(
  graph: Graph,
  operation: 'solveLower' | 'solveLowerTransposed' | 'solveUpper' | 'solveLdlt' | 'solveLu',
  { node, order }: Factors,
  sides: Vectors,
): Vectors {
  const matrix = graph.nodes[node]
  const { n, r, d } = (matrix as MatrixNode).shape
  const width = operation !== 'solveUpper' ? 0 : d === 0 ? n : n + r
  const shape = { ...shapeOf(operation, order, sides.length), d: width }
  return factorize(graph, shape, sides.flat(), node).solutions
}

const shapeOf = (operation: MatrixOperation, n: number, r: number): MatrixShape => ({
  operation,
  n,
  r: checkSize('right-hand sides', r, 0),
  d: 0,
})

function checkSize(name: string, size: number, min = 1): number {
  if (size < min || size > MAX_MATRIX)
    throw new RangeError(`${name}: expected ${min} to ${MAX_MATRIX}, got ${size}`)
  return size
}

function factorizeTriangle(
  graph: Graph,
  operation: MatrixOperation,
  triangle: readonly number[],
  sides: Vectors,
): Factors {
  const n = checkSize('rows', Math.floor(Math.sqrt(2 * triangle.length)))
  if (triangleLength(n) !== triangle.length)
    throw new RangeError(`triangle: expected ${triangleLength(n)} elements, got ${triangle.length}`)
  return factorize(graph, shapeOf(operation, n, sides.length), [...triangle, ...sides.flat()])
}

function factorize(graph: Graph, shape: MatrixShape, elements: readonly number[], fixed?: number): Factors {
  const { operation, n, r, d } = shape
  const expected = changedLength(shape)
  if (elements.length !== expected)
    throw new RangeError(`elements: expected ${expected}, got ${elements.length}`)
  const key = `${operation} ${n} ${r} ${d} ${fixed} ${elements}`
  const entries = elements.map((operand, k) => graph.node(`entry ${k} ${key}`, { kind: 'entry', operand }))
  const operands = fixed === undefined ? entries : [...entries, fixed]
  const node = graph.node(key, { kind: 'matrix', shape, operands, entries: entries.length })
  const results = entries.map((_, at) =>
    graph.node(`element ${at} ${node}`, { kind: 'element', operand: node, at }),
  )
  const first = operation === 'qr' ? expected : expected - n * r
  const solutions = Array.from({ length: operation === 'qr' ? 0 : r }, (_, k) =>
    results.slice(first + k * n, first + (k + 1) * n),
  )
  return { operation, order: n, node, elements: results.slice(0, first), solutions }
}

function placeMatrices(
  graph: Graph,
  { uses, sections, places, slots, steps }: MatrixPlacement,
): PlacedMatrices {
  const read = findReadFactors(graph, uses)
  const kept: number[] = []
  const place = (node: number, slot: number) => {
    places[node] = slot
    kept.push(node)
  }
  let tile = 0
  let isByRow = false
  for (const [number, node] of graph.nodes.entries()) {
    if (uses[number] === 0) continue
    const section = sections[number] as Section
    if (node.kind === 'element') {
      place(number, (places[node.operand] as number) + node.at)
      // A copy to the same slot, which `compile` omits.
      steps.push({ number, code: 'copy', operands: [number, node.operand], section })
    } else if (node.kind === 'matrix') {
      const { shape, operands, entries } = node
      const base = slots.count
      slots.count += entries
      place(number, base)
      for (const [k, entry] of operands.slice(0, entries).entries()) {
        const { operand } = graph.nodes[entry] as { readonly operand: number }
        place(entry, base + k)
        sections[entry] = section
        steps.push({ number: entry, code: 'copy', operands: [operand], section })
        const isOwn = uses[operand] === 1 && graph.nodes[operand].kind === 'operation'
        if (isOwn && sections[operand] === section) place(operand, base + k)
      }
      const { operation, n, r } = shape
      const d = shape.d || Number(isFactor(shape) && !read.has(number))
      const code = FIRST_MATRIX_OPERATION + MATRIX_OPERATIONS.indexOf(operation)
      const fixed = entries < operands.length ? (places[operands[entries]] as number) : 0
      const instruction: Instruction = [code, base, fixed, n, r, d]
      steps.push({ number, code: instruction, operands, section })
      tile = Math.max(tile, tileLength(shape))
      isByRow ||= section === 1
    }
  }
  steps.sort((a, b) => a.number - b.number)
  return { tile, isByRow, kept }
}

const isFactor = ({ operation }: MatrixShape) => operation !== 'qr' && !operation.startsWith('solve')

/** Matrices whose factors are read. */
function findReadFactors(graph: Graph, uses: ArrayLike<number>): Set<number> {
  const read = new Set<number>()
  for (const [number, node] of graph.nodes.entries()) {
    if (uses[number] === 0) continue
    if (node.kind === 'matrix' && node.entries < node.operands.length) read.add(node.operands[node.entries])
    if (node.kind !== 'element') continue
    const { shape, entries } = graph.nodes[node.operand] as MatrixNode
    if (node.at < entries - shape.n * shape.r) read.add(node.operand)
  }
  return read
}
