import { type Adam, adamDefinition, biasCorrections, writeAdam } from './adam.js'
import { type Definition, describe, type Options } from './rule.js'

/** AdamW's description; see {@link adamw}. */
export interface AdamW extends Omit<Adam, 'name'> {
  readonly name: 'adamw'
}

export const adamwDefinition: Definition<AdamW> = {
  name: 'adamw',
  options: adamDefinition.options,
  defaults: { ...adamDefinition.defaults, weightDecay: 1e-2 },
  kernel: ({ amsgrad }) => (amsgrad ? 'AmsGrad' : 'Adam'),
  state: ({ amsgrad }) => (amsgrad ? ['m', 'v', 'largest'] : ['m', 'v']),
  coefficients: (rule, row) => writeAdam(row, rule, 1 - rule.lr * rule.weightDecay),
  corrections: biasCorrections,
}

/**
 * AdamW (Loshchilov and Hutter, 2019, algorithm 2): Adam with the decay taken from the parameters,
 * θ ← (1 − η·λ)·θ − η·m̂/(√v̂ + ε), not added to the gradient. Options are {@link adam}'s;
 * `weightDecay` λ is 1e-2 by default.
 *
 * A term λ'·‖θ‖² in the loss, as the essay has it, has the gradient 2·λ'·θ: say `weightDecay: 2·λ'`.
 *
 * State: m, v, and `largest` with AMSGrad.
 * @throws OptionError where an option is unknown or out of its range
 */
export function adamw(options: Options<AdamW> = {}): AdamW {
  return describe(adamwDefinition, options)
}
