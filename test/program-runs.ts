/** Runs of graphs on the engines, with the results of several points at once. */

import { runToEnd } from '../dist/core/slices.js'
import type { Graph } from '../dist/expressions/graph.js'
import { compile, type Program } from '../dist/expressions/program.js'
import { Batch } from '../dist/many/batch/batch.js'
import { selectRunner } from '../dist/many/engines/engines.js'
import { iterateInTypeScript } from '../dist/many/engines/iterate.js'
import { wasmModule } from '../dist/webassembly/many.js'
import { arrayOf, type Dtype, type FloatArray } from './bits.js'
import type { Variant } from './support.js'

/**
 * A program that outputs the values of nodes. Iterated programs have an output per parameter and a reason to stop, so
 * the program has a parameter for each result.
 */
export function programOf(
  graph: Graph,
  nodes: readonly number[],
  parameters: readonly string[],
  columns: readonly string[],
): Program {
  const outputs = [...parameters.map((name) => graph.name(name)), ...nodes, graph.constant(1)]
  return compile(graph, outputs, [...parameters, ...nodes.map((_, k) => `@${k}`)], columns)
}

export interface ProgramData {
  readonly columns: readonly (readonly number[])[]
  readonly points: readonly (readonly number[])[]
  readonly dtype?: Dtype
}

/** The results at each point. */
export function runProgram(
  program: Program,
  { columns, points, dtype = 'float64' }: ProgramData,
  way: Omit<Variant, 'name'>,
): FloatArray[] {
  const rows = columns[0]?.length ?? 0
  const lanes = 256 * Math.ceil(points.length / 256)
  const batch = new Batch({
    ...{ dtype, value: program, gradient: program, kernel: null, loop: iterateInTypeScript },
    ...{ runs: points.length, columns: columns.length, shared: columns.length, rows },
    ...{ cohorts: 1, lanes, updates: 1, maxUpdates: 1, tolerance: 0, exempt: 0, delay: 0, scratches: 1 },
    isBounded: false,
  })
  const runs = Uint32Array.from(points, (_, run) => run)
  const data = columns.map((column) => ({ numbers: Float64Array.from(column), offsets: null }))
  const count = points[0].length
  const x = program.parameters.map((_, p) =>
    p < count ? new arrayOf[dtype](points.map((point) => point[p])) : 0,
  )
  runToEnd(batch.fill({ runs, data, x, starts: [], box: null }))
  batch.set('updates', 1)
  const { runner } = selectRunner(
    { threads: way.engine === 'native' ? 1 : undefined, ...way } as never,
    wasmModule,
  )
  runner.advance(batch)
  const results = batch.results()
  return points.map((_, run) => new arrayOf[dtype](results.x.slice(count).map((column) => column[run])))
}
