/** The cautious modifier: an option of every rule that gives a direction; crates/kernels/src/rules/cautious.rs. */

import { CautiousKernel } from '../manifest.js'
import { type Declaration, type Definition, define, type Fields } from './define.js'
import { type Kernel, kernel, twice } from './kernel.js'
import { flag, type Option, type OptionTable, type ValuesOf } from './options.js'

/** θ ← d·θ − rate·(u·k). */
const CautiousLoop = twice<typeof CautiousKernel>(
  (f) =>
    (theta, u, _state, { decay }, from, to, { rate }) => {
      for (let i = from; i < to; i++) theta[i] = f(f(theta[i] * decay) - f(rate * u[i]))
    },
)

const Cautious = kernel(CautiousKernel, CautiousLoop)

/** Not an interface, which would be no table of options. */
type Modified = { readonly cautious: Option<boolean> }

/**
 * Makes a rule known that gives a direction u: its one stage is θ ← d·θ − u. With the option, u is masked
 * by k = [u·g > 0] instead, and the next stage is θ ← d·θ − (u·k) / max(mean(k), 10⁻³). (That stage has
 * no state, so that types of state are those of K.)
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
  }
  const stages = (rule: ValuesOf<O>) => {
    const own = declaration.stages(rule)
    return (rule as ValuesOf<Modified>).cautious ? [...own, Cautious] : own
  }
  const between = (
    _rule: unknown,
    _clock: unknown,
    { agreeing, rate }: Readonly<Record<string, Float64Array>>,
    i: number,
    _stage: number,
    length: number,
  ) => {
    const mean = agreeing[i] / length
    rate[i] = 1 / (mean > 1e-3 ? mean : 1e-3)
  }
  const kernels = [...declaration.kernels, Cautious]
  return define(name, { ...declaration, options, kernels, stages, between } as never) as never
}
