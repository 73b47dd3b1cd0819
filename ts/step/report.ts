/** What can be asked of the last step, and of each tensor. */

import type { EngineName } from '../engines/engine.js'
import type { Groups } from '../model/groups.js'
import type { RuleInUse } from '../rules/active-rule.js'
import type { Rule } from '../rules/definitions.js'
import { compile, type Scheduled } from '../schedules/schedule.js'
import type { Progress, SkipReason } from './progress.js'

/** The last call of `step` or `stepAsync`, live: nothing here costs anything until it is read. */
export class StepReport {
  readonly #step: Progress

  constructor(progress: Progress) {
    this.#step = progress
  }

  /**
   * The norm of all gradients before clipping; NaN where nothing needed it: it is there with any `clip` but `value`,
   * `recordNorms` or `onNonFinite`.
   */
  get norm(): number {
    return this.#step.norm
  }

  /** The norms of the gradients by tensor's name, before clipping; empty where `norm` is NaN for want of use. */
  get norms(): Readonly<Record<string, number>> {
    if (!this.#step.isMeasured) return {}
    const { scale, large } = this.#step
    const entries = this.#step.presentTensors().map((tensor) => {
      const { name, part, place } = tensor
      return [name, (large?.get(tensor) ?? Math.sqrt(part.squares[place])) * scale]
    })
    return Object.fromEntries(entries)
  }

  /** Why nothing was updated; null where something was, or before the first step. */
  get reason(): SkipReason | null {
    return this.#step.reason
  }

  /** The names of tensors that were not updated, frozen ones aside: because they had no gradient, or all. */
  get skipped(): readonly string[] {
    const updated = new Set(this.#step.reason === null ? this.#step.presentTensors() : [])
    return this.#step.live.filter((tensor) => !updated.has(tensor)).map(({ name }) => name)
  }

  /** The names of tensors whose gradients were not finite, as far as `onNonFinite` looked. */
  get nonFinite(): readonly string[] {
    return this.#step.nonFinite
  }

  /** How many steps have been skipped in a row because of that. */
  get consecutiveSkips(): number {
    return this.#step.skips
  }

  /**
   * The learning rate of the rule that the optimizer was made with, whether or not some tensor has it: that of the last
   * update, or of the first before there was one; NaN where it has none. `report()` has each tensor's.
   */
  get lr(): number {
    return getLearningRate(this.#step, this.#step.model.base) ?? NaN
  }
}

/** What an optimizer does with a tensor. */
export interface TensorReport {
  readonly name: string
  /** As `shapes` said it; null where it did not. */
  readonly shape: readonly number[] | null
  readonly length: number
  readonly rule: Rule
  /** How many updates it has had. */
  readonly updates: number
  readonly frozen: boolean
  /** The numbers of the groups that it matched when it came. */
  readonly groups: readonly number[]
  readonly engine: EngineName
  /**
   * Its learning rate η, by the options that it has now: a schedule's at the last update, as Torch's `get_last_lr` before
   * `scheduler.step()`, and before the first that of the first. Null where it is frozen, or its rule has none.
   */
  readonly lr: number | null
}

/** What an optimizer does with which tensors. */
export interface OptimizerReport {
  readonly tensors: readonly TensorReport[]
  /** The names of tensors that no group matched. */
  readonly unmatchedTensors: readonly string[]
  /** The numbers of groups that matched no tensor. */
  readonly unusedGroups: readonly number[]
}

/**
 * What a rule has for η at the last update; null where it has none. Where that is not at hand, as before the first one
 * and for a rule that no tensor has, a function of the user's may be called.
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
