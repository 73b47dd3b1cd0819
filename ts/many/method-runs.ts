/** Runs of a method such as `lbfgs()` in lanes. */

import { OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { Builder } from '../expressions/differentiate.js'
import type { Expression } from '../expressions/expression.js'
import { defineLines } from '../expressions/lines.js'
import { compile, type Program } from '../expressions/program.js'
import { extensions } from '../extensions.js'
import type { InitialValue, LaneSolver } from '../methods/lanes/solver.js'
import { findMethod, type Method } from '../minimize/method.js'
import type { BoundsBox } from '../objectives/bounds.js'
import type { Batch, BatchResults } from './batch/batch.js'
import type { DataColumn } from './batch/data.js'
import { runsPerBatch } from './batch/layout.js'
import type { ManyValues } from './options.js'
import type { RecordedFields } from './paths.js'

/** Maximum number of bytes of the state of all runs in a batch. */
const MAX_STATE_BYTES = 1 << 26
/** Maximum count of runs per thread in a batch. Small batches use the same memory again, which saves up to a fifth. */
const MAX_RUNS_PER_THREAD = 4096
/** Number of programs that are kept per expression. */
const MAX_CACHED = 4

/** The compiled program of a method, for one objective. */
interface MethodProgram {
  readonly program: Program
  readonly initial: readonly InitialValue[]
  readonly results: LaneSolver['results']
}

const cached = new WeakMap<Expression, Map<string, MethodProgram>>()

export class MethodRuns {
  readonly program: Program
  readonly #initial: readonly InitialValue[]
  readonly #results: LaneSolver['results']

  /**
   * @param columns names of the data columns
   * @throws OptionError if the method is invalid or does not run in lanes
   */
  constructor(
    objective: Expression,
    method: Method,
    columns: readonly string[],
    settings: Pick<ManyValues, 'tolerance' | 'maxIterations'> & { readonly isBounded: boolean },
  ) {
    const { program, initial, results } = programOf(objective, method, columns, settings)
    this.program = program
    this.#initial = initial
    this.#results = results
  }

  /** Indices of the parameters of the program that contain the point and the count of updates of a run. */
  get recorded(): RecordedFields {
    const { x, iterations } = this.#results
    const index = (name: string) => this.program.parameters.indexOf(name)
    return { x: x.map(index), iterations: index(iterations) }
  }

  /** Count of the runs in a batch. */
  runsPerBatch(data: readonly DataColumn[], run: number, threads: number): number {
    const bytes = 8 * this.program.parameters.length
    const most = Math.min(threads * MAX_RUNS_PER_THREAD, Math.floor(MAX_STATE_BYTES / bytes))
    return runsPerBatch(data, run, 8, most)
  }

  /** The initial state of the runs. */
  begin(points: readonly FloatArray[], box: BoundsBox<number | FloatArray> | null): (FloatArray | number)[] {
    return this.#initial.map((initial) => {
      if (typeof initial === 'number') return initial
      const { from, parameter } = initial
      return from === 'start' ? points[parameter] : (box as NonNullable<typeof box>)[from][parameter]
    })
  }

  /** The results of a finished batch. */
  end(batch: Batch): Omit<BatchResults, 'x'> & { readonly x: readonly FloatArray[] } {
    const found = batch.results()
    const column = (name: string) => found.x[this.program.parameters.indexOf(name)] as Float64Array
    const { x, value, gradient, maxChange, iterations } = this.#results
    return {
      x: x.map(column),
      value: column(value),
      gradientNorm: largestOf(gradient.map(column)),
      maxChange: column(maxChange),
      iterations: column(iterations),
      reason: found.reason,
    }
  }
}

/**
 * @param isInTurn whether the method has no solver in lanes
 * @throws OptionError if an option is not available for the method
 */
export function checkMethodOptions(
  { clip, perRun, recordEvery }: ManyValues,
  dtype: 'float32' | 'float64',
  isInTurn: boolean,
): void {
  const expected = `no value, because methods such as ${isInTurn ? 'sqp' : 'lbfgs'}() do not use the option`
  if (clip.value !== Infinity) throw new OptionError('clip', expected, clip)
  if (isInTurn && perRun !== undefined) throw new OptionError('perRun', expected, perRun)
  if (isInTurn && recordEvery !== undefined) throw new OptionError('recordEvery', expected, recordEvery)
  if (dtype === 'float64') return
  throw new OptionError('dtype', "'float64', in which methods such as lbfgs() compute", dtype)
}

function programOf(
  objective: Expression,
  method: Method,
  columns: readonly string[],
  settings: Pick<ManyValues, 'tolerance' | 'maxIterations'> & { readonly isBounded: boolean },
): MethodProgram {
  const { kind, values } = findMethod(method)
  const { lanes } = kind
  if (lanes === undefined) throw new OptionError('method', 'a method that runs in lanes', kind.name)
  const { tolerance, maxIterations, isBounded } = settings
  const key = JSON.stringify([columns, values, tolerance, maxIterations, isBounded])
  const programs = cached.get(objective) ?? new Map<string, MethodProgram>()
  cached.set(objective, programs)
  const before = programs.get(key)
  if (before !== undefined) return before
  const { graph, ...nodes } = objective.nodes(columns)
  const b = Object.assign(new Builder(graph), { defineLines })
  const problem = { ...nodes, b, tolerance, maxIterations, isBounded }
  const { fields, reason, results } = lanes(values as never, problem)
  const compiled = compile(graph, [...fields.next, reason], fields.names, columns)
  const program = extensions.shortenLifetimes?.(compiled) ?? compiled
  const made = { program, initial: fields.initial, results }
  const [oldest] = programs.keys()
  if (programs.size === MAX_CACHED) programs.delete(oldest)
  programs.set(key, made)
  return made
}

/** The largest |xᵢ| of each run; NaN if an element is NaN. */
function largestOf(columns: readonly Float64Array[]): Float64Array {
  return columns[0].map((_, run) => {
    let largest = 0
    for (const column of columns) largest = Math.max(largest, Math.abs(column[run]))
    return largest
  })
}
