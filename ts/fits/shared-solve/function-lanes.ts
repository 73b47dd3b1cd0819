/**
 * Lanes of groups whose model is a function, such as a model of differential equations. The model is evaluated at the
 * trial point of each group. The program of the groups reads the values and derivatives as columns.
 */

import { ProgramRunner } from '../../expressions/run.js'
import { type DataColumn, numbersInRun } from '../../many/batch/data.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { BoundFunctionModel } from '../problem/function-model.js'
import type { Problem } from '../problem/problem.js'
import { FunctionCurve, modelColumns } from '../programs/function-curve.js'
import type { EvaluationProgram } from '../programs/group-evaluation.js'
import { type GroupRange, Lanes, type ResidentPart } from '../solve/group-lanes.js'

/** The curve of one group, which keeps its last integration, and the group's columns in the order of the program. */
interface GroupCurve {
  readonly curve: FunctionCurve
  readonly columns: readonly Float64Array[]
  readonly rows: number
}

export class FunctionLanes extends Lanes {
  readonly #problem: Problem
  readonly #look: EvaluationProgram
  readonly #machine: ProgramRunner
  readonly #ranges: readonly GroupRange[]
  readonly #parts: readonly ResidentPart[]
  readonly #columns: ReadonlyMap<string, DataColumn>
  readonly #curves = new Map<number, GroupCurve>()

  /** @param problem the problem in internal parameters, local parameters first */
  constructor(
    problem: Problem,
    look: EvaluationProgram,
    ranges: readonly GroupRange[],
    columns: ReadonlyMap<string, DataColumn>,
  ) {
    const parts = ranges.map(({ groups, firstRow }) => ({
      planes: look.program.parameters.map(() => new Float64Array(groups.length)),
      firstGroup: firstRow,
      end: firstRow + groups.length,
    }))
    super(parts.map((part) => [part]))
    this.#problem = problem
    this.#look = look
    this.#machine = new ProgramRunner(look.program, 'float64')
    this.#ranges = ranges
    this.#parts = parts
    this.#columns = columns
  }

  *run(): Generator<EngineCall> {
    const { program } = this.#look
    const { min, max, free, evaluatedExpressions } = this.#problem
    const sizes = new Float64Array(free.length)
    for (const [k, { planes, firstGroup, end }] of this.#parts.entries()) {
      for (let at = 0; at < end - firstGroup; at++) {
        const { curve, columns, rows } = this.#curveOf(k, at)
        const x = this.#pointOf(planes, at)
        const f = yield* curve.evaluate(x)
        yield
        const none = () => new Float64Array(rows).fill(NaN)
        const slopes = f.every(Number.isFinite)
          ? yield* curve.slopes({ x, f, min, max, sizes })
          : evaluatedExpressions.slice(1).map(none)
        const state = planes.map((plane) => plane[at])
        this.#machine.run(state, [...columns, f, ...slopes], rows)
        for (const [p, plane] of planes.entries()) plane[at] = this.#machine.slots[program.outputs[p]]
      }
    }
  }

  /** The trial point of a group, computed as in `compileEvaluation`. */
  #pointOf(planes: ResidentPart['planes'], at: number): Float64Array {
    const { min, max } = this.#problem
    const { fieldOffsets } = this.#look
    const read = (name: keyof EvaluationProgram['fieldOffsets']) =>
      fieldOffsets[name].map((parameter) => planes[parameter][at])
    const [[moves], [accepted], step, follow, delta] = (
      ['moves', 'accepted', 'step', 'follow', 'delta'] as const
    ).map(read)
    const base = read(accepted ? 'trial' : 'base')
    const local = base.map((x, i) => {
      if (!moves) return x
      let to = x + step[i]
      for (const [k, d] of delta.entries()) to -= follow[k * base.length + i] * d
      return Math.min(Math.max(to, min[i]), max[i])
    })
    return Float64Array.from([...local, ...read('shared')])
  }

  #curveOf(range: number, at: number): GroupCurve {
    const { groups, firstRow } = this.#ranges[range]
    const known = this.#curves.get(firstRow + at)
    if (known !== undefined) return known
    const problem = this.#problem
    const { planes } = this.#parts[range]
    const compute = (name: string) => numbersInRun(this.#columns.get(name) as DataColumn, groups[at])
    const rows = compute(problem.y).length
    const fixed = this.#look.fieldOffsets.fixed.map((parameter) => planes[parameter][at])
    const called = problem.functionModel as BoundFunctionModel
    const made = {
      curve: new FunctionCurve(problem, called, modelColumns(problem).map(compute), fixed, rows),
      columns: problem.columns.map(compute),
      rows,
    }
    this.#curves.set(firstRow + at, made)
    return made
  }

  release(): void {}
}
