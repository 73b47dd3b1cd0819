/**
 * Runs the steps of an optimizer. A step is a sequence of *phases* with *stages* between them. A phase is a function
 * that computes a few values on the main thread, such as norms, clip factors and the coefficients of the rule. A phase
 * returns the stage that the engine must run next, or null. A stage is a pass over array elements, such as a sum of
 * squares or an update. Stages do all work that grows with the number of parameters.
 *
 * The sequence of phases depends on the model and the options. The sequence of phases is rebuilt only if the model
 * changes, and has three parts:
 * - batch.ts accumulates gradients, and ends the step unless the batch is the last batch of an update.
 * - phases.ts performs the update. An update builds segments, measures norms, checks and clips gradients (norms.ts),
 *   writes the coefficients, runs the stages of the rule, and advances the clocks.
 * - post-update.ts synchronizes the slow weights of lookahead, and updates averages.
 *
 * A phase that finds a reason not to update sets `progress.reason`, which ends the step before any clock has advanced.
 *
 * Example: `step` with Adam and `clip: { norm: 1 }` has four phases and two stages.
 *
 * - `begin` builds the segments of the tensors. The stage NORM sums g² for each tensor.
 * - `checkGradients` adds these sums in the order of the tensor names.
 * - `scaled` writes the clip factor and the coefficients. Stage 0 updates θ, m and v.
 * - `commit` advances the clocks.
 *
 * Three functions run the phases and stages. `run` runs each stage at once. `runAsync` runs each stage off the main
 * thread or in slices. `runStraight` is a fast path that does not rebuild segments. The fast path is used if nothing
 * has changed since the previous step and no user code can run. If the engine can read gradients in the caller's
 * memory, `run` does not copy the gradients. Otherwise `run` first copies the gradients into the arenas.
 */

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

/**
 * The number of phases of a step that runs a single stage. The clocks advance after this stage, and no phase follows.
 */
const MIN_PHASES = 3

export class Steps {
  readonly progress: Progress
  readonly #model: Model
  /** The phases, and the version of the model for which they were built. */
  #sequence: readonly Phase[] = []
  #version = -1
  /** The fast path for the current version of the model; null if each step needs checks. */
  #short: FastPath | null = null
  /**
   * The fast path; null if the next step must not use the fast path. Reasons are changes since the last step, user
   * functions that may run, and a file that is being written.
   */
  straight: FastPath | null = null

  constructor(model: Model, around: StepOptions) {
    this.progress = new Progress(model, around)
    this.#model = model
  }

  /**
   * Performs one update, or sets the reason why there is no update. If the method throws an error, no clock has
   * advanced.
   */
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

  /**
   * Copies a gradient that is a single array into the arena, if the fast path allows the copy. Returns whether the
   * gradient was copied.
   */
  take(given: unknown): boolean {
    const only = this.straight?.only ?? null
    return only !== null && takeSingle(given, only)
  }

  /**
   * Performs one update on the fast path, with the gradients in the arenas. The method is short, so that the JavaScript
   * compiler can inline all calls. Inlining halves the duration of a step with two parameters.
   */
  runStraight(): boolean {
    const straight = this.straight as FastPath
    const { progress } = this
    progress.present = ALL_GRADIENTS
    if (straight.norm !== null || straight.more !== null || this.#model.scheduled.length > 0) {
      this.#model.evaluate(progress.updates)
      return this.#runStraight(straight)
    }
    // After an exception, the fast path stays off, because the optimizer may have changed.
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
    // A stack overflow in the following phases would leave the update incomplete.
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

  /** Performs one update off the main thread, or in slices. The gradients are copied before the method returns. */
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
    // The check is unnecessary for a single stage.
    if (this.#sequence.length > MIN_PHASES) checkStack()
    progress.present = given
    progress.outside = given
    progress.keep?.(given)
    return this.#sequence
  }

  /** Writes the points at which rules need the next gradients to the state of the tensors. */
  writePoints(): void {
    this.progress.layOut(ALL_GRADIENTS)
    for (const { cohorts, runner } of this.#model.parts) {
      cohorts.preparePoint()
      runner.run(POINT)
    }
    this.progress.hasLooked = true
  }

  /** Handles a step in which no tensor has a gradient. */
  pass(): false {
    this.straight = null
    this.progress.begin(NO_GRADIENTS)
    this.progress.reason = 'no gradient'
    return false
  }
}

/** Runs phases and the stages between them, until a phase finds a reason for no update. */
function runAll(phases: readonly Phase[], progress: Progress): void {
  for (let k = 0; k < phases.length; k++) {
    const stage = phases[k](progress)
    if (progress.reason !== null) return
    if (stage !== null) run(stage, progress)
  }
}

/**
 * Runs one stage of the step. If possible, the engine reads gradients in the caller's memory. Otherwise the gradients
 * are first copied into the arena.
 */
function run(stage: Stage, progress: Progress): void {
  const { number, parts, isPass } = stage
  if (progress.outside !== ALL_GRADIENTS && runWithGradients(stage, progress)) return
  for (let p = 0; p < parts.length; p++) {
    const { cohorts, runner } = parts[p]
    if (isPass || !cohorts.isEmpty) runner.run(number)
  }
}

/**
 * Runs the stage with gradients in the caller's memory, and returns true. If the engine cannot read these gradients,
 * the gradients are copied into the arenas, and the result is false.
 */
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
