/**
 * Reason for which a minimization stopped:
 * - 'converged': no parameter changed by the tolerance, because the gradient is small. According to the gradient's
 *   changes nearby, it vanishes within 100 tolerances of the point. For a converged run, all values are finite. A
 *   gradient component that pushes a parameter out of its bounds counts as 0.
 * - 'stalled': no parameter changed by the tolerance in 100 updates, although the gradient is not small. The
 *   (scheduled) learning rate may be too low, or steps may be lost in rounding. A rule such as Adam may still divide by
 *   earlier, larger gradients, or its momentum may push a parameter against its bound.
 * - 'max-iterations': the parameters were still moving after the last update
 * - 'diverged': a parameter, the value, the gradient or the rule's state is infinite or NaN
 * - 'callback': the callback returned true
 */
export type MinimizeReason = 'converged' | 'stalled' | 'max-iterations' | 'diverged' | 'callback'

/** Reasons of many runs, indexed by their `reason`. Index 0 stands for an unfinished run. */
export const minimizeReasons = [
  null,
  'converged',
  'stalled',
  'max-iterations',
  'diverged',
] as const satisfies readonly (MinimizeReason | null)[]
