/** The lanes of the fits of one batch, which are created by the first integration. */

import type { BatchRunner } from '../../many/engines/engines.js'
import type { ModelLanes } from '../problem/function-model.js'
import { integrateExplicit } from './explicit.js'
import { IntegrationLanes } from './lanes.js'
import type { StepProgram } from './step-program.js'
import type { OdeSystem } from './system.js'

export class OdeLanes implements ModelLanes {
  readonly #system: OdeSystem
  readonly #count: number
  readonly #runner: BatchRunner
  #lanes: IntegrationLanes | undefined

  constructor(system: OdeSystem, count: number, runner: BatchRunner) {
    this.#system = system
    this.#count = count
    this.#runner = runner
  }

  /** The explicit method in the lane of a fit. Integrations with other sensitivities than the lanes run alone. */
  explicitFor(run: number, directions: readonly string[]): typeof integrateExplicit {
    const step = this.#system.stepFor(directions)
    if (step === null || (this.#lanes !== undefined && this.#lanes.step !== step)) return integrateExplicit
    return (...given) => this.#lanesFor(step).integrate(run, ...given)
  }

  #lanesFor(step: StepProgram): IntegrationLanes {
    this.#lanes ??= new IntegrationLanes(step, this.#count, this.#runner)
    return this.#lanes
  }

  isWaiting(run: number): boolean {
    return this.#lanes?.isWaiting(run) === true
  }

  advance(): readonly number[] {
    return this.#lanes?.advance() ?? []
  }

  remove(run: number): void {
    this.#lanes?.remove(run)
  }
}
