/** Many runs one after the other, which share compiled functions and memory. */

import { withMemoryError } from '../core/copy.js'
import { largest } from '../core/numbers.js'
import type { Slices } from '../core/slices.js'
import { createRecord, isRecord } from '../core/untrusted-input.js'
import { largestChange, reasonOf } from '../minimize/change.js'
import type { ConstraintColumns } from '../minimize/constraints.js'
import type { EndOfRun, InTurnProblem, RunInTurn, RunsInTurn } from '../minimize/in-turn.js'
import { type ObjectiveFunctions, readObjective } from '../objectives/arguments.js'
import type { BoundsBox } from '../objectives/bounds.js'
import type { TwiceDifferentiable } from '../objectives/objective.js'
import { SqpDescent } from './descent.js'
import { type ConstraintFunction, constrainObjective } from './functions.js'

/** The objective with the data of the current run. */
class CurrentObjective implements ObjectiveFunctions {
  readonly both = undefined
  readonly names: readonly string[]
  readonly #bind: InTurnProblem['bind']
  #bound: TwiceDifferentiable | undefined
  #functions: ObjectiveFunctions | undefined
  #hessian: ReturnType<ObjectiveFunctions['hessian']>

  constructor({ bind, names }: InTurnProblem) {
    this.#bind = bind
    this.names = names
  }

  use(run: number): void {
    const bound = this.#bind(run)
    if (bound === this.#bound) return
    this.#bound = bound
    const functions = readObjective(bound)
    this.#functions = functions
    this.#hessian = functions.hessian()
  }

  readonly value: ObjectiveFunctions['value'] = (x) => (this.#functions as ObjectiveFunctions).value(x)

  readonly gradient: ObjectiveFunctions['gradient'] = (x, out) => this.#functions?.gradient?.(x, out)

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

  *run({ run, start, box }: RunInTurn): Slices<EndOfRun> {
    const { maxIterations } = this.#given
    const descent = this.#begin(run, start, box)
    const before = descent.params.slice()
    let value = NaN
    let iterations = 0
    let maxChange = NaN
    let reason: EndOfRun['reason'] | null = maxIterations === 0 ? 'max-iterations' : null
    while (reason === null) {
      value = descent.update() as number
      iterations++
      maxChange = largestChange(descent.params, before, false)
      reason = reasonOf(descent.outcome, { change: maxChange, iterations, maxIterations })
      yield
    }
    if (iterations === 0) value = this.#objective.value(descent.params)
    this.#report(run, descent)
    const gradientNorm = iterations === 0 ? NaN : largest(descent.grads)
    return { x: descent.params, value, gradientNorm, maxChange, iterations, reason }
  }

  report(): object {
    return this.#columns as ConstraintColumns
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
    const { value, gradient, hessian } = this.#objective
    this.#descent = new SqpDescent({
      start,
      value,
      gradient: gradient as NonNullable<typeof gradient>,
      both: undefined,
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
