/** Options that many rules have: each is declared here, and a rule takes it in by its name, with its own default. */

import { createRecord, isObject } from '../core/untrusted-input.js'
import { flag, fraction, nonNegative, type Option } from '../options/kinds.js'
import { scheduled } from '../schedules/option.js'

const rate = (value: number) => scheduled(nonNegative, value)

const numbers = {
  /** η ≥ 0, may be scheduled */
  lr: rate,
  /** β₁ in [0, 1) */
  beta1: fraction,
  /** β₂ in [0, 1) */
  beta2: fraction,
  /** ε ≥ 0 */
  eps: nonNegative,
  /** λ ≥ 0, may be scheduled */
  weightDecay: rate,
  /** η_max ≥ 0: where it is not 0 the decay is corrected, (η²/η_max)·λ·θ for η·λ·θ (Defazio, 2025) */
  maxLr: nonNegative,
}

interface Flags {
  /** takes the decay from the parameters, as AdamW does */
  readonly decoupledWeightDecay: Option<boolean>
  /** the decay spares what the step enlarges (Chen et al., 2025) */
  readonly cautiousWeightDecay: Option<boolean>
  /** the largest v so far under the root (Reddi, Kale and Kumar, 2018) */
  readonly amsgrad: Option<boolean>
  /** climbs instead */
  readonly maximize: Option<boolean>
  /** moves only where the direction agrees with the gradient, and farther (Liang et al., 2024) */
  readonly cautious: Option<boolean>
  /** the direction's size with the gradient's sign (Cao et al., 2024); not beside `cautious` */
  readonly grams: Option<boolean>
}

type OptionMakers = typeof numbers
/** What is said of each is said above, in editors too. */
type SharedOptionTable = Flags & { readonly [K in keyof OptionMakers]: ReturnType<OptionMakers[K]> }

/** What a rule declares: kinds of its own, what shared options are unless given, and flags by what these are. */
export type RuleOptionTable<G> = {
  readonly [K in keyof G]: Option | (K extends keyof OptionMakers ? number : boolean)
}

/** Names of those that are shared. */
type SharedNames<G> = { [K in keyof G]: G[K] extends Option ? never : K }[keyof G] & keyof SharedOptionTable

/** The table of a rule's options. A comment in the rule comes after the one above. */
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
