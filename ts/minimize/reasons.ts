/**
 * Why a minimization stopped:
 * - 'converged': no parameter changed by the tolerance, and that is because the gradient is small:
 *   it vanishes, as far as its change nearby shows, within 100 tolerances. All is finite. A component
 *   that pulls a parameter at its bound out of its bounds counts as 0.
 * - 'stalled': no parameter changed by the tolerance, in 100 updates, and the gradient is not small:
 *   the learning rate is (scheduled to be) too low, or the steps are lost in rounding, or a rule such
 *   as Adam divides by the memory of steeper places, or memory presses a parameter against its bound
 * - 'max-iterations': it was still moving after the last update
 * - 'diverged': a parameter, the value, the gradient or the rule's state is infinite or NaN
 * - 'callback': the callback said so
 */
export type MinimizeReason = 'converged' | 'stalled' | 'max-iterations' | 'diverged' | 'callback'

/** Reasons of the runs of many, by the numbers in their `reason`; the first is of a run that has none. */
export const minimizeReasons = [
  null,
  'converged',
  'stalled',
  'max-iterations',
  'diverged',
] as const satisfies readonly (MinimizeReason | null)[]
