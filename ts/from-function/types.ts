/** Types of the third argument of a function. */

/** Constants by name. */
export type FunctionConstants = object

type OfOne = (x: number) => number

/** Functions of expressions that `Math` does not have. */
export interface SpecialFunctions {
  readonly erf: OfOne
  readonly erfc: OfOne
  readonly erfcx: OfOne
  readonly normpdf: OfOne
  readonly normcdf: OfOne
  readonly norminv: OfOne
  readonly gamma: OfOne
  readonly lgamma: OfOne
  readonly digamma: OfOne
  readonly trigamma: OfOne
  readonly voigt: (x: number, sigma: number, gamma: number) => number
  /**
   * Carries a state from row to row, and returns the state after the present row. The state is a number, or an array or
   * object of numbers.
   */
  readonly scan: <State>(initial: State, next: (state: State) => State) => State
}
