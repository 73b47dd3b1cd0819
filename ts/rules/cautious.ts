/** What modifies any direction, and decoupled decays; crates/kernels/src/rules/cautious.rs. */

import { type Kernel, kernel, twice } from '../arena/kernel.js'
import { CautiousKernel, KEEPS, MASKS, SIGNS } from '../arena/manifest.js'
import { OptionError } from '../ground/errors.js'
import { flag, nonNegative, type Option, type OptionTable, type ValuesOf } from '../options/kinds.js'
import { type Declaration, type Definition, define, type Fields } from './define.js'

/** θ ← d·θ − rate·w, or where the decay is cautious θ − rate·w where w·θ < 0. */
const CautiousLoop = twice<typeof CautiousKernel>(
  (f) =>
    (theta, w, _state, { decay }, from, to, { rate, spares }) => {
      const spared = spares === 0 ? decay : 1
      for (let i = from; i < to; i++) {
        const d = f(w[i] * theta[i]) < 0 ? spared : decay
        theta[i] = f(f(theta[i] * d) - f(rate * w[i]))
      }
    },
)

const Cautious = kernel(CautiousKernel, CautiousLoop)

/** Not an interface, which would be no table of options. */
type Modified = { readonly cautious: Option<boolean>; readonly grams: Option<boolean> }
type Modifiers = ValuesOf<Modified> & { readonly cautiousWeightDecay?: boolean }

/** What rules with a decoupled decay have besides; {@link decoupled} reads it. */
export const decays = {
  /** η_max ≥ 0: where it is not 0 the decay is corrected, (η²/η_max)·λ·θ for η·λ·θ (Defazio, 2025) */
  maxLr: nonNegative(0),
  /** the decay spares what the step enlarges (Chen et al., 2025) */
  cautiousWeightDecay: flag(false),
}

/** d of a decoupled decay, where there is one. */
export function decoupled({
  lr,
  weightDecay,
  maxLr,
}: {
  readonly lr: number
  readonly weightDecay: number
  readonly maxLr: number
}): number {
  return 1 - (maxLr === 0 ? lr : lr * (lr / maxLr)) * weightDecay
}

/**
 * Makes a rule known that gives a direction u: its one stage is θ ← d·θ − u. With an option of these, the
 * direction is left for a second one. (That stage has no state, so that types of state are those of K.)
 */
export function defineDirection<
  const N extends string,
  O extends OptionTable,
  const K extends readonly Kernel[],
  C extends Fields = Fields,
>(name: N, declaration: Declaration<O, K, C>): Definition<N, O & Modified, K, C> {
  const options = {
    ...declaration.options,
    /** moves only where the direction agrees with the gradient, and farther (Liang et al., 2024) */
    cautious: flag(false),
    /** the direction's size with the gradient's sign (Cao et al., 2024); not beside `cautious` */
    grams: flag(false),
  }
  const hasDecay = Object.hasOwn(options, 'cautiousWeightDecay')
  const flags = ({ cautious, grams, cautiousWeightDecay }: Modifiers) =>
    cautious ? MASKS : grams ? MASKS | SIGNS : hasDecay && cautiousWeightDecay ? MASKS | KEEPS : 0
  const stages = (rule: ValuesOf<O> & Modifiers) => {
    const own = declaration.stages(rule)
    return flags(rule) === 0 ? own : [...own, Cautious]
  }
  const between = (
    { cautious, cautiousWeightDecay }: Modifiers,
    _clock: unknown,
    { agreeing, rate, spares }: Readonly<Record<string, Float64Array>>,
    i: number,
    _stage: number,
    length: number,
  ) => {
    const mean = agreeing[i] / length
    rate[i] = cautious ? 1 / (mean > 1e-3 ? mean : 1e-3) : 1
    spares[i] = hasDecay && cautiousWeightDecay ? 1 : 0
  }
  const check = (rule: ValuesOf<O> & Modifiers) => {
    declaration.check?.(rule)
    if (rule.cautious && rule.grams) throw new OptionError(`${name}: grams`, 'false beside cautious', true)
  }
  const kernels = [...declaration.kernels, Cautious]
  const modified = { options, kernels, flags, stages, between, check }
  return define(name, { ...declaration, ...modified } as never) as never
}
