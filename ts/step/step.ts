/** Steps: the phases of one in order, and the engine's stages between them. */

import { POINT } from '../arena/manifest.js'
import { checkStack } from '../core/stack-depth.js'
import type { BorrowedGradients } from '../engines/engine.js'
import { extensions } from '../extensions.js'
import { ALL_GRADIENTS, NO_GRADIENTS, type StepGradients, takeSingle } from '../gradients/read.js'
import type { Model } from '../model/model.js'
import type { StepOptions } from '../model/options.js'
import { checkGradients, clipFactor } from './norms.js'
import { commit, type FastPath, makeFastPath, makePhases, moveClocks, prepare } from './phases.js'
import { type Phase, Progress, type Stage } from './progress.js'
import { runInSlices } from './slices.js'

/** Phases of a step of one stage, before which clocks have not moved and after which nothing follows. */
const MIN_PHASES = 3

export class Steps {
  readonly progress: Progress
  readonly #model: Model
  /** The phases, and of which version of the model they are. */
  #sequence: readonly Phase[] = []
  #version = -1
  /** Those of a step that asks nothing; null where each step has to ask something. */
  #short: FastPath | null = null
  /**
   * The same where the next step may go straight: nothing has changed since the last one, no function of the user's
   * runs, and no file is being written. Whoever may change something makes it null.
   */
  straight: FastPath | null = null

  constructor(model: Model, around: StepOptions) {
    this.progress = new Progress(model, around)
    this.#model = model
  }

  /** One update, unless it says why not. Where it throws, no clock has moved. */
  run(given: StepGradients): boolean {
    const { progress } = this
    const straight = this.straight
    if (straight !== null && progress.hasAll(given)) {
      progress.present = given
      progress.outside = given
      return this.#runStraight(straight)
    }
    this.straight = null
    runAll(this.#begin(given), progress)
    if (progress.reason !== null) return false
    if (progress.hasAll(given) && this.#model.isPlain && !progress.keep) this.straight = this.#short
    return true
  }

  /** Whether the next step may go straight with this gradient, which is the only one and is in the arena now. */
  take(given: unknown): boolean {
    const only = this.straight?.only ?? null
    return only !== null && takeSingle(given, only)
  }

  /**
   * One update by the gradients in the arenas, where it may go straight. Few words: a step of two parameters takes
   * half as long where the compiler has room for all of it in one.
   */
  runStraight(): boolean {
    const straight = this.straight as FastPath
    const { progress } = this
    progress.present = ALL_GRADIENTS
    if (straight.norm !== null || straight.more !== null || this.#model.scheduled.length > 0) {
      this.#model.evaluate(progress.updates)
      return this.#runStraight(straight)
    }
    // What throws may have changed more.
    this.straight = null
    const { parts } = straight.first
    prepare(parts, 1)
    for (let p = 0; p < parts.length; p++) parts[p].runner.run(0)
    moveClocks(parts)
    progress.count()
    this.straight = straight
    return true
  }

  #runStraight(straight: FastPath): boolean {
    // A stack that ends in what follows would leave it undone.
    if (straight.more !== null) checkStack()
    const { progress } = this
    this.straight = null
    let scale = 1
    if (straight.norm !== null) {
      progress.forget()
      run(straight.norm, progress)
      checkGradients(progress)
      if (progress.reason !== null) return false
      scale = clipFactor(progress)
    }
    prepare(straight.first.parts, scale)
    run(straight.first, progress)
    if (straight.more !== null) runAll(straight.more.between, progress)
    commit(progress)
    if (straight.more !== null) runAll(straight.more.afterwards, progress)
    this.straight = straight
    return true
  }

  /** The same off the main thread, or in slices. Gradients are copied before this returns. */
  async runAsync(given: StepGradients): Promise<boolean> {
    const { progress } = this
    const sequence = this.#begin(given)
    progress.takeIn()
    for (const phase of sequence) {
      const stage = phase(progress)
      if (progress.reason !== null) return false
      if (stage !== null) await runAsync(stage)
    }
    return true
  }

  #begin(given: StepGradients): readonly Phase[] {
    const { progress } = this
    if (this.#version !== this.#model.version) {
      this.#sequence = makePhases(progress)
      this.#short = makeFastPath(progress)
      this.#version = this.#model.version
    }
    // Not where there is but one stage.
    if (this.#sequence.length > MIN_PHASES) checkStack()
    progress.present = given
    progress.outside = given
    progress.keep?.(given)
    return this.#sequence
  }

  /** Writes the points where rules want the next gradients into their state. */
  writePoints(): void {
    this.progress.layOut(ALL_GRADIENTS)
    for (const { cohorts, runner } of this.#model.parts) {
      cohorts.preparePoint()
      runner.run(POINT)
    }
    this.progress.hasLooked = true
  }

  /** Nothing has a gradient. */
  pass(): false {
    this.straight = null
    this.progress.begin(NO_GRADIENTS)
    this.progress.reason = 'no gradient'
    return false
  }
}

/** Runs phases, with the engine's stages between them, until there is a reason for no update. */
function runAll(phases: readonly Phase[], progress: Progress): void {
  for (let k = 0; k < phases.length; k++) {
    const stage = phases[k](progress)
    if (progress.reason !== null) return
    if (stage !== null) run(stage, progress)
  }
}

/** Runs a stage, with gradients where they are if the engine can read them there, and else in the arena. */
function run(stage: Stage, progress: Progress): void {
  const { number, parts, isPass } = stage
  if (progress.outside !== ALL_GRADIENTS && runWithGradients(stage, progress)) return
  for (let p = 0; p < parts.length; p++) {
    const { cohorts, runner } = parts[p]
    if (isPass || !cohorts.isEmpty) runner.run(number)
  }
}

/** Whether the stage has run with the gradients where they are; now they are in the arena otherwise. */
function runWithGradients({ number, parts, isPass }: Stage, progress: Progress): boolean {
  const [part] = parts
  const { outside, isByRow } = progress
  const lent = isByRow ? !isPass && extensions.rows?.lend(outside) : outside
  const isLendable = lent && parts.length === 1 && part.isFirst
  if (isLendable && part.runner.runBorrowed?.(number, lent as BorrowedGradients)) return true
  progress.takeIn()
  return false
}

async function runAsync({ number, parts, isPass }: Stage): Promise<void> {
  for (const { arena, cohorts, runner } of parts) {
    if (isPass || !cohorts.isEmpty) await (runner.runAsync?.(number) ?? runInSlices(arena, runner, number))
  }
}
