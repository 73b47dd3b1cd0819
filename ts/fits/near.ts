/** Fits near others, to other data of equal form: no more is said of them than where they end. */

import type { FloatArray } from '../ground/numbers.js'
import { byRows, type Column, pick, put, rowsOf } from '../many/data.js'
import type { Call } from '../many/drive.js'
import { runsOfBatch } from '../many/layout.js'
import type { Compiled } from './compiled.js'
import type { Refits } from './found.js'
import { Iterations, RUNS } from './iterations.js'
import { fromSteps, toSteps } from './logarithms.js'
import type { Parameter } from './parameters.js'
import { Solver } from './solver.js'

/** What they are made of. */
export interface Nearby {
  readonly compiled: Compiled
  readonly parameters: readonly Parameter[]
  readonly threads: number
  /** In the order of the problem's. */
  readonly columns: ReadonlyMap<string, Column>
  /** Where parameters start, by fit, in their bounds. */
  readonly starts: ReadonlyMap<string, FloatArray>
  readonly count: number
  readonly mostIterations: number
}

export class Near implements Refits {
  readonly #of: Nearby
  readonly #iterations: Iterations
  readonly #values: Readonly<Record<string, Float64Array>>
  readonly #reason: Uint8Array

  constructor(of: Nearby) {
    this.#of = of
    this.#iterations = new Iterations(of.compiled, of.threads)
    const { free } = of.compiled.problem
    this.#values = Object.fromEntries(free.map((name) => [name, new Float64Array(of.count)]))
    this.#reason = new Uint8Array(of.count)
  }

  *calls(): Generator<Call> {
    const { compiled, parameters, columns, starts, count, mostIterations } = this.#of
    const { free, fixed } = compiled.problem
    const data = [...columns.values()]
    const varying = parameters.filter(({ isFixed }) => !isFixed)
    const solver = new Solver(compiled, this.#iterations)
    const all = new Uint32Array(count).map((_, fit) => fit)
    for (const some of byRows(data, all)) {
      const most = runsOfBatch(data, some[0], 8, RUNS)
      for (let from = 0; from < some.length; from += most) {
        const runs = some.subarray(from, from + most)
        const startOf = (name: string) => pick(starts.get(name) as FloatArray, runs)
        const freedom = new Float64Array(runs.length).fill(rowsOf(data[0], runs[0]) - free.length)
        const begin = varying.map((parameter) => toSteps(parameter, startOf(parameter.name) as Float64Array))
        const given = { runs, data, starts: begin, fixed: fixed.map(startOf), freedom }
        const solved = yield* solver.solve(given, mostIterations, true, true)
        fromSteps(varying, solved.free, solved.covariance, solved.errors)
        for (let i = 0; i < free.length; i++) put(this.#values[free[i]], runs, solved.free[i])
        put(this.#reason, runs, solved.reason)
      }
    }
  }

  result() {
    this.#iterations.leave()
    return { values: this.#values, reason: this.#reason }
  }
}
