/** Many runs one after the other, which share compiled functions and memory. */

import { withMemoryError } from '../core/copy.js'
import { largest } from '../core/numbers.js'
import type { Slices } from '../core/slices.js'
import { createRecord, isRecord } from '../core/untrusted-input.js'
import {
  type InTurnColumns,
  type InTurnProblem,
  type RunsInTurn,
  refuseEngineOptions,
} from '../methods/in-turn.js'
import { largestChange, reasonOf } from '../minimize/change.js'
import type { ConstraintColumns } from '../minimize/constraints.js'
import { type ConstrainedReason, minimizeReasons } from '../minimize/reasons.js'
import { type ObjectiveFunctions, readObjective } from '../objectives/arguments.js'
import { type BoundsBox, selectLimit } from '../objectives/bounds.js'
import type { TwiceDifferentiable } from '../objectives/objective.js'
import { SqpDescent } from './descent.js'
import { type ConstraintFunction, constrainObjective } from './functions.js'

/** Largest count of numbers of a run that are copied. */
const MAX_COPIED = 32

/** The objective with the data of a run. */
function bindData({ objective, columns, numbersInRun }: InTurnProblem): (run: number) => TwiceDifferentiable {
  if (columns.size === 0) return () => objective
  const inRun = (run: number) =>
    Object.fromEntries([...columns].map(([name, column]) => [name, numbersInRun(column, run)]))
  const bound = objective.with(inRun(0))
  if ([...columns.values()].every(({ offsets }) => offsets === null)) return () => bound
  const inOrder = objective.names.flatMap((name) => columns.get(name) ?? [])
  const data = inOrder.map((column) => numbersInRun(column, 0))
  const isOwn = inOrder.map(() => false)
  return (run) => {
    for (let k = 0; k < inOrder.length; k++) {
      const { numbers, offsets } = inOrder[k]
      if (offsets === null) continue
      const from = offsets[run]
      const length = offsets[run + 1] - from
      // Copying a few numbers takes less time than creating a view.
      if (isOwn[k] && length === data[k].length)
        for (let i = 0; i < length; i++) data[k][i] = numbers[from + i]
      else {
        const view = numbersInRun(inOrder[k], run)
        isOwn[k] = length <= MAX_COPIED
        data[k] = isOwn[k] ? view.slice() : view
      }
    }
    bound.replaceData(data)
    return bound
  }
}

/** The objective with the data of the current run. */
class CurrentObjective implements ObjectiveFunctions {
  readonly names: readonly string[]
  readonly #bind: (run: number) => TwiceDifferentiable
  #bound: TwiceDifferentiable | undefined
  #functions: ObjectiveFunctions | undefined
  #hessian: ReturnType<ObjectiveFunctions['hessian']>
  #both: ObjectiveFunctions['both']

  constructor(given: InTurnProblem) {
    this.#bind = bindData(given)
    this.names = given.objective.programs([...given.columns.keys()]).parameters
  }

  use(run: number): void {
    const bound = this.#bind(run)
    if (bound === this.#bound) return
    this.#bound = bound
    const functions = readObjective(bound)
    this.#functions = functions
    this.#both = functions.both
    this.#hessian = functions.hessian()
  }

  readonly value: ObjectiveFunctions['value'] = (x) => (this.#functions as ObjectiveFunctions).value(x)

  readonly gradient: ObjectiveFunctions['gradient'] = (x, out) => this.#functions?.gradient?.(x, out)

  /** Expressions compute everything in one call. */
  readonly both: ObjectiveFunctions['both'] = (x, out, second) =>
    (this.#both as NonNullable<ObjectiveFunctions['both']>)(x, out, second)

  readonly hessian = () => this.#second

  readonly #second: ObjectiveFunctions['gradient'] = (x, out) => this.#hessian?.(x, out)
}

class SqpRuns implements RunsInTurn {
  readonly parameters: readonly string[]
  readonly #given: InTurnProblem
  readonly #current: CurrentObjective
  readonly #objective: ObjectiveFunctions
  readonly #constraints: readonly ConstraintFunction[]
  #descent: SqpDescent | undefined
  #columns: ConstraintColumns | undefined
  /** The bounds of the current run. */
  #box: { readonly min: Float64Array; readonly max: Float64Array } | null = null

  constructor(given: InTurnProblem) {
    refuseEngineOptions(given)
    this.#given = given
    this.#current = new CurrentObjective(given)
    const x = isRecord(given.starts) ? given.starts : undefined
    const { objective, constraints } = constrainObjective(this.#current, given.constraints, x)
    this.#objective = objective
    this.#constraints = constraints as readonly ConstraintFunction[]
    this.parameters = objective.names as readonly string[]
  }

  allocate(count: number): void {
    const keys = this.#constraints.map(({ key }) => `${key}`)
    const { parameters } = this
    const bytes = count * (17 * keys.length + 8 * parameters.length + 16)
    const column = () => withMemoryError(bytes, () => new Float64Array(count))
    this.#columns = {
      maxViolation: column(),
      violations: createRecord(keys, column),
      multipliers: createRecord(keys, column),
      boundMultipliers: createRecord(parameters, column),
      active: createRecord(keys, () => withMemoryError(bytes, () => new Uint8Array(count))),
      kktResidual: column(),
    }
  }

  *advance(runs: Uint32Array, { starts, box, to, tell }: InTurnColumns): Slices<void> {
    const start = new Float64Array(starts.length)
    const before = start.slice()
    const bounds = box && { min: start.slice(), max: start.slice() }
    for (const run of runs) {
      for (let p = 0; p < start.length; p++) {
        start[p] = starts[p][run]
        if (box === null || bounds === null) continue
        bounds.min[p] = selectLimit(box.min[p], run)
        bounds.max[p] = selectLimit(box.max[p], run)
      }
      const descent = this.#begin(run, start, bounds)
      before.set(descent.params)
      yield* this.#run(run, { descent, before, to })
      tell()
    }
  }

  /** @param before the parameters at the start; overwritten */
  *#run(
    run: number,
    { descent, before, to }: { descent: SqpDescent; before: Float64Array; to: InTurnColumns['to'] },
  ): Slices<void> {
    const { maxIterations } = this.#given
    let iterations = 0
    let change = NaN
    let reason: ConstrainedReason | null = maxIterations === 0 ? 'max-iterations' : null
    if (reason !== null) to.value[run] = this.#objective.value(descent.params)
    while (reason === null) {
      to.value[run] = descent.update() as number
      iterations++
      change = largestChange(descent.params, before, false)
      reason = reasonOf(descent.outcome, { change, iterations, maxIterations })
      yield
    }
    for (const [p, column] of to.x.entries()) column[run] = descent.params[p]
    to.gradientNorm[run] = iterations === 0 ? NaN : largest(descent.grads)
    to.maxChange[run] = change
    to.iterations[run] = iterations
    to.reason[run] = minimizeReasons.indexOf(reason as Exclude<ConstrainedReason, 'callback'>)
    this.#report(run, descent)
  }

  report(): object {
    return { ...(this.#columns as ConstraintColumns), engineReasons: ['methods run in TypeScript'] }
  }

  #begin(run: number, start: Float64Array, box: BoundsBox | null): SqpDescent {
    this.#current.use(run)
    if (box !== null) {
      this.#box ??= { min: Float64Array.from(box.min), max: Float64Array.from(box.max) }
      this.#box.min.set(box.min)
      this.#box.max.set(box.max)
    }
    if (this.#descent !== undefined) {
      this.#descent.restart(start)
      return this.#descent
    }
    const { value, gradient, hessian, both } = this.#objective
    this.#descent = new SqpDescent({
      start,
      value,
      gradient: gradient as NonNullable<typeof gradient>,
      both,
      hessian,
      tolerance: this.#given.tolerance,
      box: this.#box,
      constraints: this.#constraints,
    })
    return this.#descent
  }

  /** Writes what `minimize` reports about the constraints to the columns. */
  #report(run: number, descent: SqpDescent): void {
    const columns = this.#columns as ConstraintColumns
    descent.evaluateStart()
    let most = 0
    for (const [k, key] of descent.keys.entries()) {
      const excess = descent.excess(k)
      most = Math.max(most, excess)
      columns.violations[key][run] = descent.isViolated(k) ? excess : 0
      columns.multipliers[key][run] = descent.multiplier(k)
      columns.active[key][run] = descent.isActive(k) ? 1 : 0
    }
    columns.maxViolation[run] = most
    columns.kktResidual[run] = descent.kktResidual()
    for (const [i, name] of this.parameters.entries())
      columns.boundMultipliers[name][run] = descent.boundMultiplier(i)
  }
}

/** Reads the constraints of many runs. */
export const runInTurn = (given: InTurnProblem): RunsInTurn => new SqpRuns(given)
