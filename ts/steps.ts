/** What a step runs on the engine, stage by stage, and the scalars in between. */

import type { Arena } from './arena.js'
import type { Cohorts } from './cohorts.js'
import type { Runner } from './engines/engine.js'
import { ALL, copy, type Present } from './gradients.js'
import { GRADIENTS, NORM, POINT, SQUARES } from './manifest.js'
import type { FloatArray } from './rules/kernel.js'
import { runInSlices } from './slices.js'

export class Steps {
  /** The arena's own gradients, by tensor. */
  readonly gradients: readonly FloatArray[]
  readonly #arena: Arena
  readonly #runner: Runner
  readonly #cohorts: Cohorts
  readonly #squares: Float64Array
  readonly #order: readonly number[]
  readonly #clipNorm: number

  /**
   * @param order of the tensors in which their parts of a norm are added up
   * @param clipNorm the largest norm of all gradients; Infinity for any
   */
  constructor(arena: Arena, runner: Runner, cohorts: Cohorts, order: readonly number[], clipNorm: number) {
    this.gradients = arena.lengths.map((_, i) => arena.view(GRADIENTS, i))
    this.#arena = arena
    this.#runner = runner
    this.#cohorts = cohorts
    this.#squares = arena.numbers(SQUARES)
    this.#order = order
    this.#clipNorm = clipNorm
  }

  /** One update. Where it throws, no clock has moved. */
  run(present: Present): void {
    const cohorts = this.#cohorts
    // What is left to be read from where it is.
    let outside = present
    let scale = 1
    if (this.#clipNorm !== Infinity) {
      outside = this.#runStage(NORM, outside)
      scale = this.#clipScale(present)
    }
    cohorts.prepare(scale)
    this.#runStage(0, outside)
    for (let stage = 1; stage < cohorts.stages; stage++) {
      cohorts.between(stage - 1)
      this.#runner.run(stage)
    }
    cohorts.commit()
  }

  /** The same off the main thread, or in slices. Gradients are copied before this returns. */
  async runAsync(present: Present): Promise<void> {
    copy(present, this.gradients)
    const cohorts = this.#cohorts
    let scale = 1
    if (this.#clipNorm !== Infinity) {
      await this.#runStageAsync(NORM)
      scale = this.#clipScale(present)
    }
    cohorts.prepare(scale)
    await this.#runStageAsync(0)
    for (let stage = 1; stage < cohorts.stages; stage++) {
      cohorts.between(stage - 1)
      await this.#runStageAsync(stage)
    }
    cohorts.commit()
  }

  /** Writes the points where rules want the next gradients into their state. */
  writePoints(): void {
    this.#cohorts.preparePoint()
    this.#runner.run(POINT)
  }

  /**
   * Runs a stage, with gradients where they are if the engine can read them there, and else in the arena:
   * what comes back is where they are then.
   */
  #runStage(stage: number, gradients: Present): Present {
    const runner = this.#runner
    if (gradients !== ALL) {
      if (runner.runLent?.(stage, gradients)) return gradients
      copy(gradients, this.gradients)
    }
    runner.run(stage)
    return ALL
  }

  #runStageAsync(stage: number): Promise<void> {
    return this.#runner.runAsync?.(stage) ?? runInSlices(this.#arena, this.#runner, stage)
  }

  /** min(1, norm/‖g‖), but NaN where a gradient is NaN, once the engine has written the sums. */
  #clipScale(present: Present): number {
    let sum = 0
    for (const i of this.#order) {
      if (present === ALL || present[i] !== undefined) sum += this.#squares[i]
    }
    const norm = Math.sqrt(sum)
    return norm <= this.#clipNorm ? 1 : this.#clipNorm / norm
  }
}
