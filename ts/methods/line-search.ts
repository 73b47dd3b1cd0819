/** A line search for a step that satisfies the strong Wolfe conditions. */

/** Value and slope of the function along a line, at step length t. */
export interface Trial {
  readonly t: number
  /**
   * The value; Infinity if the value or the gradient is not finite, so that the step counts as too long. A value of
   * −Infinity is kept.
   */
  readonly value: number
  readonly slope: number
}

export interface LineSearchLimits {
  /** Required decrease of the value, as a fraction of the predicted decrease. */
  readonly c1: number
  /** Maximum absolute slope of an accepted step, as a fraction of the initial slope. */
  readonly c2: number
  /** Maximum number of trial points. */
  readonly maxTrials: number
  /** Largest difference of two values that may be rounding error. */
  readonly noise: number
  /** The search ends when the bracket is narrower than this width. */
  readonly closest: number
  /** Longest step, at least 1. At this step the slope may remain negative. */
  readonly longest: number
}

/** Limits of the next longer step: a multiple of the last extension, and a multiple of the whole step. */
export const MIN_GROWTH = 0.01
export const MAX_GROWTH = 10
/** The second consecutive trial near an end of the bracket is moved inwards. */
export const BRACKET_MARGIN = 0.1

/**
 * Returns the first trial step that satisfies the strong Wolfe conditions F(t) ≤ F(0) + c1·t·F'(0) and |F'(t)| ≤
 * c2·|F'(0)|. The search follows algorithms 3.5 and 3.6 of Nocedal and Wright (2006), with the cubic interpolation of
 * equation 3.59. Growth factors and margins are the same as in Torch's `strong_wolfe`. If no trial satisfies the
 * conditions, the trial with the lowest value is returned, or `start` if no trial is lower.
 *
 * Close to a minimum, values differ only by rounding. A value within the noise of F(0) is therefore accepted, and
 * slopes decide (Hager and Zhang, 2005, section 2).
 *
 * @param start the trial at t = 0, with a negative slope
 * @param at evaluates a trial at t > 0. The trial `low` is the only earlier trial that may become the result.
 */
export function search<T extends Trial>(start: T, at: (t: number, low: T) => T, limits: LineSearchLimits): T {
  const { c1, c2, maxTrials, noise, closest, longest } = limits
  const isLow = ({ t, value }: T) =>
    value <= start.value + c1 * t * start.slope || Math.abs(value - start.value) <= noise
  const isFlat = ({ slope }: T) => Math.abs(slope) <= -c2 * start.slope

  let low = start
  let trial = at(1, start)
  let high: T | undefined
  let trials = 1
  // Longer steps are tried until a step is too long. A suitable step lies between the last two trial steps, because
  // only the last one is too long.
  while (high === undefined) {
    if (trial.value === -Infinity) return trial
    if (!isLow(trial) || trial.value > low.value + noise) high = trial
    else if (isFlat(trial) || (trial.t >= longest && trial.slope < 0)) return trial
    else if (trial.slope >= 0) [low, high] = [trial, low]
    else if (trials++ === maxTrials) return trial
    else {
      const least = trial.t + MIN_GROWTH * (trial.t - low.t)
      const t = Math.min(longest, minimizeCubic(low, trial, least, MAX_GROWTH * trial.t))
      low = trial
      trial = at(t, low)
    }
  }
  // The lower end satisfies the first condition, and the slope at the lower end leads into the bracket. The bracket
  // shrinks.
  let wasOuter = false
  while (trials++ < maxTrials && Math.abs(high.t - low.t) >= closest) {
    const [from, to] = low.t < high.t ? [low.t, high.t] : [high.t, low.t]
    let t = minimizeCubic(low, high, from, to)
    const margin = BRACKET_MARGIN * (to - from)
    const isOuter = Math.min(to - t, t - from) < margin
    if (isOuter && (wasOuter || t <= from || t >= to)) {
      t = to - t < t - from ? to - margin : from + margin
      wasOuter = false
    } else wasOuter = isOuter
    trial = at(t, low)
    if (trial.value === -Infinity) return trial
    if (!isLow(trial) || trial.value > low.value + noise) high = trial
    else {
      if (isFlat(trial)) return trial
      if (trial.slope * (high.t - low.t) >= 0) high = low
      low = trial
    }
  }
  return low
}

/**
 * Minimum of the cubic with the given values and slopes, restricted to an interval. The middle of the interval is
 * returned if the cubic has no minimum, or if a value is not finite.
 */
function minimizeCubic(a: Trial, b: Trial, from: number, to: number): number {
  const [left, right] = a.t <= b.t ? [a, b] : [b, a]
  const d1 = left.slope + right.slope - (3 * (left.value - right.value)) / (left.t - right.t)
  const d2 = Math.sqrt(d1 * d1 - left.slope * right.slope)
  const share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
  const t = right.t - (right.t - left.t) * share
  return Number.isFinite(t) ? Math.min(Math.max(t, from), to) : (from + to) / 2
}
