/** A search along a line for a step that fulfills Wolfe's conditions. */

/** The function along a line, at t: its value, and its slope there. */
export interface Trial {
  readonly t: number
  /** Infinity where value or gradient is not finite, which is as too far; −Infinity stays. */
  readonly value: number
  readonly slope: number
}

export interface LineSearchLimits {
  /** How much of what the slope promises the value has to fall by. */
  readonly c1: number
  /** To which part of itself the slope has to flatten. */
  readonly c2: number
  /** Trials at most. */
  readonly maxTrials: number
  /** By how much values may differ by rounding alone. */
  readonly noise: number
  /** Ends of a bracket that are so close are one. */
  readonly closest: number
}

/** A longer step is between so many times what the last one added, and so many times all of it. */
const MIN_GROWTH = 0.01
const MAX_GROWTH = 10
/** A trial in the outer parts of a bracket, for the second time, is moved to their border. */
const BRACKET_MARGIN = 0.1

/**
 * The first trial that is low and flat enough: F(t) ≤ F(0) + c1·t·F'(0) and |F'(t)| ≤ c2·|F'(0)|, the strong
 * Wolfe conditions. (Nocedal and Wright, 2006, algorithms 3.5 and 3.6, with the cubic of (3.59); growth and margins
 * as in Torch's `strong_wolfe`.) Where there is none, the lowest one, which is `start` if none is lower.
 *
 * Near a minimum values differ by rounding alone. There a value that is F(0) but for the noise will do, and
 * slopes decide (Hager and Zhang, 2005, section 2).
 *
 * @param start that of t = 0, where the slope is < 0
 * @param at tries a t > 0
 */
export function search<T extends Trial>(start: T, at: (t: number) => T, limits: LineSearchLimits): T {
  const { c1, c2, maxTrials, noise, closest } = limits
  const isLow = ({ t, value }: T) =>
    value <= start.value + c1 * t * start.slope || Math.abs(value - start.value) <= noise
  const isFlat = ({ slope }: T) => Math.abs(slope) <= -c2 * start.slope

  let low = start
  let trial = at(1)
  let high: T | undefined
  let trials = 1
  // Longer steps, until one is too long: between it and the last one is what is sought.
  while (high === undefined) {
    if (trial.value === -Infinity) return trial
    if (!isLow(trial) || trial.value > low.value + noise) high = trial
    else if (isFlat(trial)) return trial
    else if (trial.slope >= 0) [low, high] = [trial, low]
    else if (trials++ === maxTrials) return trial
    else {
      const least = trial.t + MIN_GROWTH * (trial.t - low.t)
      const t = minimizeCubic(low, trial, least, MAX_GROWTH * trial.t)
      low = trial
      trial = at(t)
    }
  }
  // The lower end is low and leads into the bracket, which becomes smaller.
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
    trial = at(t)
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
 * Where the cubic with these two values and slopes is lowest, within two bounds; their middle where it has no
 * such place, or a number is not finite.
 */
function minimizeCubic(a: Trial, b: Trial, from: number, to: number): number {
  const [left, right] = a.t <= b.t ? [a, b] : [b, a]
  const d1 = left.slope + right.slope - (3 * (left.value - right.value)) / (left.t - right.t)
  const d2 = Math.sqrt(d1 * d1 - left.slope * right.slope)
  const share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
  const t = right.t - (right.t - left.t) * share
  return Number.isFinite(t) ? Math.min(Math.max(t, from), to) : (from + to) / 2
}
