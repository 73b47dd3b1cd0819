/**
 * Options that many rules share. Each shared option is declared in this module. A rule includes the option by name,
 * with the rule's default.
 */

import { createRecord, isObject } from '../core/untrusted-input.js'
import { flag, fraction, nonNegative, type Option } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'

const rate = (value: number) => scheduled(nonNegative, value)

const numbers = {
  /** learning rate η ≥ 0; may be scheduled */
  lr: rate,
  /** β₁ in [0, 1) */
  beta1: fraction,
  /** β₂ in [0, 1) */
  beta2: fraction,
  /** ε ≥ 0 */
  eps: nonNegative,
  /** weight decay λ ≥ 0; may be scheduled */
  weightDecay: rate,
  /** η_max ≥ 0; if η_max > 0, the weight decay is (η²/η_max)·λ·θ instead of η·λ·θ (Defazio, 2025) */
  maxLr: nonNegative,
}

interface Flags {
  /** subtracts η·λ·θ from the parameters, as in AdamW */
  readonly decoupledWeightDecay: Option<boolean>
  /** skips the weight decay of elements that the step moves away from 0 (Chen et al., 2025) */
  readonly cautiousWeightDecay: Option<boolean>
  /** AMSGrad: divides by the root of the largest v so far (Reddi, Kale and Kumar, 2018) */
  readonly amsgrad: Option<boolean>
  /** maximizes the objective instead of minimizing it */
  readonly maximize: Option<boolean>
  /**
   * drops the elements of the step whose sign disagrees with the gradient, and enlarges all other elements (Liang et
   * al., 2024)
   */
  readonly cautious: Option<boolean>
  /** replaces the signs of the step by the signs of the gradient (Cao et al., 2024); excludes `cautious` */
  readonly grams: Option<boolean>
}

type OptionMakers = typeof numbers
/** Types of the shared options. Editors show the comments on these options. */
type SharedOptionTable = Flags & { readonly [K in keyof OptionMakers]: ReturnType<OptionMakers[K]> }

/**
 * Options in the declaration of a rule: the rule's own options, each with a kind, and shared options, each with a
 * default.
 */
export type RuleOptionTable<G> = {
  readonly [K in keyof G]: Option | (K extends keyof OptionMakers ? number : boolean)
}

/** Names of the shared options in a declaration. */
type SharedNames<G> = { [K in keyof G]: G[K] extends Option ? never : K }[keyof G] & keyof SharedOptionTable

/** Builds the table of a rule's options. A rule's own comment on a shared option is appended to the shared comment. */
export type TableOf<G> = Pick<SharedOptionTable, SharedNames<G>> & {
  readonly [K in keyof G]: G[K] extends Option
    ? G[K]
    : K extends keyof SharedOptionTable
      ? SharedOptionTable[K]
      : G[K] extends boolean
        ? Option<boolean>
        : never
}

export function makeOptionTable<G extends RuleOptionTable<G>>(own: G): TableOf<G> {
  const values = own as Readonly<Record<string, unknown>>
  const makers = numbers as Readonly<Record<string, (value: unknown) => Option>>
  return createRecord(Object.keys(own), (name) => {
    const given = values[name]
    return isObject(given) ? given : (typeof given === 'boolean' ? flag : makers[name])(given as never)
  }) as TableOf<G>
}
