/** How far an optimizer is, and what its step under way, or its last one, has found. */

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

/** What an engine has to run, and on which parts. */
export interface Stage {
  readonly number: number
  readonly parts: readonly Partition[]
  /** Whether it is a pass over all elements, and not over the segments that are laid out. */
  readonly isPass: boolean
}

export const makeStage = (parts: readonly Partition[], number: number, isPass = false): Stage => ({
  number,
  parts,
  isPass,
})

/**
 * Makes the numbers for the next stage, which it returns; null where there is nothing to run. A step ends where there
 * is a `reason` for no update.
 */
export type Phase = (progress: Progress) => Stage | null

/**
 * Why a step has updated nothing: no tensor had a gradient, a batch of `accumulate` was added up that was not
 * the last, or gradients were not finite with `onNonFinite: 'skip'`.
 */
export type SkipReason = 'no gradient' | 'accumulating' | 'non-finite'

const NO_LISTENER: readonly string[] = []

export class Progress {
  readonly model: Model
  readonly around: StepOptions
  /** How many updates there were. */
  updates = 0
  /** Batches that have been accumulated for the next one. */
  batches = 0
  /** Whether the points were written since the last update. */
  hasLooked = false
  /** Steps that were skipped in a row. */
  skips = 0
  /** Why it updated nothing; null where it did. */
  reason: SkipReason | null = null
  /** Which tensors had gradients; and which were updated then, as they may move or be frozen. */
  present: StepGradients = NO_GRADIENTS
  live: readonly Tensor[] = []
  /** The gradients that are not in the arenas yet, but where they were given; ALL where they are. */
  outside: StepGradients = ALL_GRADIENTS
  /** Whether some of the gradients that were given are of rows. */
  isByRow = false
  /** The norm of its gradients before clipping, NaN where nobody wanted it. */
  norm = NaN
  /** Whether sums of squares are at hand, and the factor of gradients before clipping. */
  isMeasured = false
  scale = 1
  /** Norms by tensor where squares are too large for sums. */
  large: ReadonlyMap<Tensor, number> | null = null
  /** Sums of squares by part before clips by unit, where others measure what these leave. */
  before: readonly Float64Array[] | null = null
  /** The names of tensors whose gradients were not finite. */
  nonFinite = NO_LISTENER
  /** Keeps what is there, while a file is written, before calls that may change it and updates by these gradients. */
  declare keep?: (change: string | StepGradients) => void

  constructor(model: Model, around: StepOptions) {
    this.model = model
    this.around = around
  }

  /** Forgets what the step before has found. */
  begin(present: StepGradients): void {
    this.present = present
    this.live = this.model.live
    this.reason = null
    // Most steps leave nothing else behind.
    if (this.model.measures || this.isMeasured) this.forget()
  }

  /** Forgets what has been measured. */
  forget(): void {
    this.norm = NaN
    this.isMeasured = false
    this.scale = 1
    this.large = null
    this.nonFinite = NO_LISTENER
  }

  /** The same, and makes segments of the tensors that have gradients. */
  layOut(present: StepGradients): void {
    this.begin(present)
    if (!this.hasAll(present)) {
      this.#layOutSome(present)
      return
    }
    const { parts } = this.model
    for (let p = 0; p < parts.length; p++) parts[p].cohorts.layOut(null)
  }

  /** Whether each tensor that is updated has its gradient, and all of it. */
  hasAll(present: StepGradients): boolean {
    if (present === ALL_GRADIENTS) return true
    if (this.isByRow) return false
    const { live } = this.model
    for (let k = 0; k < live.length; k++) if (present[live[k].number] === undefined) return false
    return true
  }

  /** Apart, as functions that remember variables make every call slower. */
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

  /** The tensors that had gradients. */
  presentTensors(): readonly Tensor[] {
    const { present, live } = this
    return present === ALL_GRADIENTS ? live : live.filter(({ number }) => present[number] !== undefined)
  }

  /** An update has been made. */
  count(): void {
    this.updates = nextCount(this.updates)
    this.hasLooked = false
    this.skips = 0
  }

  /** Copies what lies outside into the arenas. */
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
