/** The progress of an optimizer, and the findings of the current or last step. */

import { extensions } from '../extensions.js'
import {
  ALL_GRADIENTS,
  copy,
  type DenseGradients,
  NO_GRADIENTS,
  RowGradient,
  type StepGradients,
} from '../gradients/read.js'
import { ABSENT_GRADIENT, nextCount, ROW_GRADIENT, WHOLE_GRADIENT } from '../model/cohorts.js'
import type { Model } from '../model/model.js'
import type { StepOptions } from '../model/options.js'
import type { Partition, Tensor } from '../model/partition.js'

/** A stage that an engine runs, and the partitions on which it runs. */
export interface Stage {
  readonly number: number
  readonly parts: readonly Partition[]
  /** Whether the stage is a pass over all elements instead of the current segments. */
  readonly isPass: boolean
}

export const makeStage = (parts: readonly Partition[], number: number, isPass = false): Stage => ({
  number,
  parts,
  isPass,
})

/**
 * Computes the values of the next stage and returns the next stage, or null if no stage is necessary. Setting `reason`
 * ends the step without an update.
 */
export type Phase = (progress: Progress) => Stage | null

/**
 * The reason why a step updated nothing: no tensor had a gradient, the batch was not the last batch of `accumulate`, or
 * gradients were not finite with `onNonFinite: 'skip'`.
 */
export type SkipReason = 'no gradient' | 'accumulating' | 'non-finite'

const NO_LISTENER: readonly string[] = []

export class Progress {
  readonly model: Model
  readonly around: StepOptions
  /** The number of updates so far. */
  updates = 0
  /** The number of batches that have been accumulated for the next update. */
  batches = 0
  /** Whether the gradient points have been written since the last update. */
  hasLooked = false
  /** The number of consecutive skipped steps. */
  skips = 0
  /** The reason why the step updated nothing; null if the step made an update. */
  reason: SkipReason | null = null
  /** The gradients of the step, and the tensors that were unfrozen in the step, which may move or be frozen later. */
  present: StepGradients = NO_GRADIENTS
  live: readonly Tensor[] = []
  /** The gradients that are still in the caller's memory; ALL_GRADIENTS if all gradients are in the arenas. */
  outside: StepGradients = ALL_GRADIENTS
  /** Whether some of the gradients are sparse. */
  isByRow = false
  /** The gradient norm before clipping; NaN if the norm was not measured. */
  norm = NaN
  /** Whether the sums of squares are valid, and the factor of the gradients before clipping. */
  isMeasured = false
  scale = 1
  /** Norms of individual tensors, which are set if sums of squares overflow. */
  large: ReadonlyMap<Tensor, number> | null = null
  /** The sums of squares of each partition before clipping by unit, if later clips measure the gradients again. */
  before: readonly Float64Array[] | null = null
  /** The names of tensors with non-finite gradients. */
  nonFinite = NO_LISTENER
  /**
   * Preserves data that a pending file write still needs. The function is called before each change of the optimizer.
   * Before an update, the argument contains the gradients of the update.
   */
  declare keep?: (change: string | StepGradients) => void

  constructor(model: Model, around: StepOptions) {
    this.model = model
    this.around = around
  }

  /** Resets the findings of the previous step. */
  begin(present: StepGradients): void {
    this.present = present
    this.live = this.model.live
    this.reason = null
    // Most steps have no further findings.
    if (this.model.measures || this.isMeasured) this.forget()
  }

  /** Resets the measurements of gradient norms. */
  forget(): void {
    this.norm = NaN
    this.isMeasured = false
    this.scale = 1
    this.large = null
    this.nonFinite = NO_LISTENER
  }

  /** Resets the findings of the previous step, and builds segments of the tensors that have gradients. */
  layOut(present: StepGradients): void {
    this.begin(present)
    if (!this.hasAll(present)) {
      this.#layOutSome(present)
      return
    }
    const { parts } = this.model
    for (let p = 0; p < parts.length; p++) parts[p].cohorts.layOut(null)
  }

  /** Whether every unfrozen tensor has a complete gradient. */
  hasAll(present: StepGradients): boolean {
    if (present === ALL_GRADIENTS) return true
    if (this.isByRow) return false
    const { live } = this.model
    for (let k = 0; k < live.length; k++) if (present[live[k].number] === undefined) return false
    return true
  }

  /** This code is a separate method, because a function with closures slows down every call. */
  #layOutSome(present: StepGradients): void {
    for (const { cohorts, tensors } of this.model.parts) {
      cohorts.layOut((place) => {
        const gradient = present[(tensors[place] as Tensor).number]
        return gradient === undefined
          ? ABSENT_GRADIENT
          : gradient instanceof RowGradient
            ? ROW_GRADIENT
            : WHOLE_GRADIENT
      })
    }
  }

  /** The unfrozen tensors with gradients. */
  presentTensors(): readonly Tensor[] {
    const { present, live } = this
    return present === ALL_GRADIENTS ? live : live.filter(({ number }) => present[number] !== undefined)
  }

  /** Increments the number of updates. */
  count(): void {
    this.updates = nextCount(this.updates)
    this.hasLooked = false
    this.skips = 0
  }

  /** Copies the gradients from the caller's memory into the arenas. */
  takeIn(): void {
    const { outside, model } = this
    this.outside = ALL_GRADIENTS
    if (outside === ALL_GRADIENTS) return
    if (this.isByRow) extensions.rows?.copyToArena(outside, model)
    else copy(outside as DenseGradients, model.gradients, model.parts)
  }

  zeroGradients(): void {
    for (const gradient of this.model.gradients) gradient.fill(0)
  }
}
