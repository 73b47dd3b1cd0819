/** Reports about the last step and about each tensor. */

import type { EngineName } from '../engines/engine.js'
import type { Groups } from '../model/groups.js'
import type { RuleInUse } from '../rules/active-rule.js'
import type { Rule } from '../rules/definitions.js'
import { compile, type Scheduled } from '../schedules/schedule.js'
import type { Progress, SkipReason } from './progress.js'

/**
 * A live report of the last call of `step` or `stepAsync`. A value of the report is computed when the value is read.
 */
export class StepReport {
  readonly #step: Progress

  constructor(progress: Progress) {
    this.#step = progress
  }

  /**
   * The norm of all gradients before clipping. The norm is measured if `recordNorms`, `onNonFinite` or a `clip` other
   * than `value` is set; otherwise the norm is NaN.
   */
  get norm(): number {
    return this.#step.norm
  }

  /** The gradient norm of each tensor before clipping, by name; empty if the step measured no norms. */
  get norms(): Readonly<Record<string, number>> {
    if (!this.#step.isMeasured) return {}
    const { scale, large } = this.#step
    const entries = this.#step.presentTensors().map((tensor) => {
      const { name, part, place } = tensor
      return [name, (large?.get(tensor) ?? Math.sqrt(part.squares[place])) * scale]
    })
    return Object.fromEntries(entries)
  }

  /** Reason why the step updated no tensor; null after an update, and before the first step. */
  get reason(): SkipReason | null {
    return this.#step.reason
  }

  /**
   * The names of unfrozen tensors that were not updated, because a tensor had no gradient or the whole step was
   * skipped.
   */
  get skipped(): readonly string[] {
    const updated = new Set(this.#step.reason === null ? this.#step.presentTensors() : [])
    return this.#step.live.filter((tensor) => !updated.has(tensor)).map(({ name }) => name)
  }

  /** The names of tensors with non-finite gradients, if `onNonFinite` requires a check. */
  get nonFinite(): readonly string[] {
    return this.#step.nonFinite
  }

  /** The number of consecutive steps that were skipped because of non-finite gradients. */
  get consecutiveSkips(): number {
    return this.#step.skips
  }

  /**
   * The learning rate of the optimizer's rule at the last update, even if no tensor uses the rule. Before any step, the
   * value is the learning rate of the first update. The value is NaN if the rule has no learning rate. `report()` lists
   * the learning rate of each tensor.
   */
  get lr(): number {
    return getLearningRate(this.#step, this.#step.model.base) ?? NaN
  }
}

/** The description of a tensor in the report. */
export interface TensorReport {
  readonly name: string
  /** The dimensions from `shapes`; null if the dimensions are unknown. */
  readonly shape: readonly number[] | null
  readonly length: number
  readonly rule: Rule
  /** The number of updates of the tensor. */
  readonly updates: number
  readonly frozen: boolean
  /** Indices of the groups that matched the tensor at its addition. */
  readonly groups: readonly number[]
  readonly engine: EngineName
  /**
   * The learning rate η of the tensor under the current options. For a schedule, the learning rate is the value at the
   * last update, like PyTorch's `get_last_lr` before `scheduler.step()`. Before any step, the learning rate is the
   * value at the first update. The learning rate is null if the tensor is frozen or the rule has no learning rate.
   */
  readonly lr: number | null
}

/** A report of all tensors and groups of an optimizer. */
export interface OptimizerReport {
  readonly tensors: readonly TensorReport[]
  /** The names of tensors that no group matched. */
  readonly unmatchedTensors: readonly string[]
  /** Indices of the groups that matched no tensor. */
  readonly unusedGroups: readonly number[]
}

/**
 * The learning rate of a rule at the last update; null if the rule has no learning rate. If the value of a schedule is
 * not cached, a user's function may be called. Values are not cached before the first update, and for rules without
 * tensors.
 */
function getLearningRate({ updates }: Progress, { rule, numbers, evaluated }: RuleInUse): number | null {
  if (!Object.hasOwn(rule, 'lr')) return null
  const lr = rule.lr as Scheduled
  const last = Math.max(updates - 1, 0)
  return typeof lr !== 'number' && evaluated === last ? (numbers.lr as number) : compile(lr)(last)
}

export function makeReport(progress: Progress, groups: Groups | null): OptimizerReport {
  const tensors: TensorReport[] = []
  progress.model.views((tensor) => {
    const { name, shape = null, length, use, updates, isFrozen, groups, part } = tensor
    const { engine } = part.choice
    const rule = use.value as Rule
    const lr = isFrozen ? null : getLearningRate(progress, use)
    tensors.push({ name, shape, length, rule, updates, frozen: isFrozen, groups, engine, lr })
  })
  const used = new Set(tensors.flatMap(({ groups }) => groups))
  return {
    tensors,
    unmatchedTensors: tensors.filter(({ groups }) => groups.length === 0).map(({ name }) => name),
    unusedGroups: (groups?.matches ?? []).map((_, k) => k).filter((k) => !used.has(k)),
  }
}
