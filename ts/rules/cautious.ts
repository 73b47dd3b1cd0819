/**
 * Modifiers of directions (`cautious`, `grams`) and decoupled weight decay, as in crates/kernels/src/rules/cautious.rs.
 */

import { type Kernel, kernel, twice } from '../arena/kernel.js'
import { CautiousKernel, MASK_KEEPS_ALL, MASK_TAKES_SIGN, MASKED } from '../arena/manifest.js'
import { OptionError } from '../core/errors.js'
import type { ValuesOf } from '../options/kinds.js'
import { type CounterFields, type Declaration, type Definition, define } from './define.js'
import type { RuleOptionTable, TableOf } from './options.js'

/** The update θ ← d·θ − rate·w; with cautious weight decay, θ ← θ − rate·w if w·θ < 0. */
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

interface DirectionModifiers {
  readonly cautious: boolean
  readonly grams: boolean
  readonly cautiousWeightDecay?: boolean
}

const modifiers = { cautious: false, grams: false }

/** Options of rules with decoupled weight decay; {@link decoupledDecay} reads `maxLr`. */
export const decayOptions = { maxLr: 0, cautiousWeightDecay: false }

/** The factor d of decoupled weight decay. */
export function decoupledDecay({
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
 * Defines a rule with one stage θ ← d·θ − u. The direction u can be modified. If `cautious` or `grams` is set, the
 * first stage passes the direction to a second stage. (The second stage has no state, so the types of state that K
 * declares do not change.)
 */
export function defineDirection<
  const N extends string,
  G extends RuleOptionTable<G>,
  const K extends readonly Kernel[],
  C extends CounterFields = CounterFields,
>(
  name: N,
  declaration: { readonly options: G } & Declaration<TableOf<G & typeof modifiers>, K, C>,
): Definition<N, TableOf<G & typeof modifiers>, K, C> {
  type CautiousValues = ValuesOf<TableOf<G & typeof modifiers>>
  const options = { ...declaration.options, ...modifiers }
  const hasDecay = Object.hasOwn(options, 'cautiousWeightDecay')
  const flags = ({ cautious, grams, cautiousWeightDecay }: DirectionModifiers) =>
    cautious
      ? MASKED
      : grams
        ? MASKED | MASK_TAKES_SIGN
        : hasDecay && cautiousWeightDecay
          ? MASKED | MASK_KEEPS_ALL
          : 0
  const stages = (rule: CautiousValues & DirectionModifiers) => {
    const own = declaration.stages(rule)
    return flags(rule) === 0 ? own : [...own, Cautious]
  }
  const between = (
    { cautious, cautiousWeightDecay }: DirectionModifiers,
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
  const check = (rule: CautiousValues & DirectionModifiers) => {
    declaration.check?.(rule)
    if (rule.cautious && rule.grams) throw new OptionError(`${name}: grams`, 'false with cautious', true)
  }
  const kernels = [...declaration.kernels, Cautious]
  const modified = { options, kernels, flags, stages, between, check }
  return define(name, { ...declaration, ...modified } as never) as never
}
