/** The line search of `line-search.ts` in lanes: each pass reads one trial, and returns the next step or the result. */

import { BRACKET_MARGIN, MAX_GROWTH, MIN_GROWTH } from '../line-search.js'
import { defineLines, INFINITY, type LaneBuilder } from './lines.js'
import type { LaneFields } from './solver.js'
import type { LaneVectors } from './vectors.js'

/** Value and slope at a trial point, as nodes. */
export interface LaneTrial {
  readonly value: number
  readonly slope: number
}

/** The start and the limits of a search, as nodes. */
export interface LaneSearchLimits {
  /** Value and slope at the start. */
  readonly before: number
  readonly startSlope: number
  readonly c1: number
  readonly c2: number
  readonly maxTrials: number
  readonly noise: number
  readonly closest: number
  readonly longest: number
}

/** Whether the trial ends the search, or becomes an end of the bracket. */
const judgment = defineLines(
  `
  isLow = value <= before + c1*t*startSlope || abs(value - before) <= noise
  isFlat = abs(slope) <= -c2*startSlope
  isTooLong = !isLow || value > lowValue + noise
  isBottomless = value == -INFINITY
  isRising = isBracket ? slope*(highT - lowT) >= 0 : slope >= 0
  # Without a bracket, longer steps are tried.
  isEnd = isFlat || t >= longest && slope < 0
  isLonger = !isBracket && !isTooLong && !isEnd && !isRising
  isTired = isLonger && trials == maxTrials
  isEnough = isBracket ? isFlat : isEnd
  acceptsTrial = isBottomless || !isTooLong && isEnough || isTired

  opens = isBracket || isTooLong || isRising
  newLowT = isTooLong ? lowT : t
  newLowValue = isTooLong ? lowValue : value
  newLowSlope = isTooLong ? lowSlope : slope
  newHighT = isTooLong ? t : isRising ? lowT : highT
  newHighValue = isTooLong ? value : isRising ? lowValue : highValue
  newHighSlope = isTooLong ? slope : isRising ? lowSlope : highSlope
  isNarrow = trials >= maxTrials || !(abs(newHighT - newLowT) >= closest)
  acceptsLow = !acceptsTrial && !isLonger && isNarrow
`,
  { INFINITY },
)

/** The next step: the minimum of a cubic, restricted to an interval. */
const nextStep = defineLines(
  `
  # The trials that the cubic interpolates.
  aT = isLonger ? lowT : newLowT
  aValue = isLonger ? lowValue : newLowValue
  aSlope = isLonger ? lowSlope : newLowSlope
  bT = isLonger ? t : newHighT
  bValue = isLonger ? value : newHighValue
  bSlope = isLonger ? slope : newHighSlope
  isInOrder = aT <= bT
  leftT = isInOrder ? aT : bT
  leftValue = isInOrder ? aValue : bValue
  leftSlope = isInOrder ? aSlope : bSlope
  rightT = isInOrder ? bT : aT
  rightValue = isInOrder ? bValue : aValue
  rightSlope = isInOrder ? bSlope : aSlope
  from = isLonger ? t + MIN_GROWTH*(t - lowT) : leftT
  to = isLonger ? MAX_GROWTH*t : rightT

  d1 = leftSlope + rightSlope - 3*(leftValue - rightValue)/(leftT - rightT)
  d2 = sqrt(d1*d1 - leftSlope*rightSlope)
  share = (rightSlope + d2 - d1)/(rightSlope - leftSlope + 2*d2)
  free = rightT - (rightT - leftT)*share
  cubic = abs(free) < INFINITY ? min(max(free, from), to) : (from + to)/2

  margin = BRACKET_MARGIN*(to - from)
  isOuter = min(to - cubic, cubic - from) < margin
  isMoved = isOuter && (wasOuter || cubic <= from || cubic >= to)
  inward = to - cubic < cubic - from ? to - margin : from + margin
  inside = isMoved ? inward : cubic
  next = isLonger ? min(longest, cubic) : inside
  nextOuter = isLonger ? 0 : isMoved ? 0 : isOuter
`,
  { BRACKET_MARGIN, INFINITY, MAX_GROWTH, MIN_GROWTH },
)

/** The search after a trial, as nodes. */
export interface LaneSearchResult {
  /** Whether the trial, or the lower end of the bracket, is the result. */
  readonly acceptsTrial: number
  readonly acceptsLow: number
  /** The search after the trial: its next step `t`, and the ends of the bracket. */
  readonly after: Readonly<Record<SearchField, number>>
  /** Gradient at the lower end of the bracket. */
  readonly lowGradient: readonly number[]
}

const searchFields = [
  't',
  'lowT',
  'lowValue',
  'lowSlope',
  'highT',
  'highValue',
  'highSlope',
  'isBracket',
  'wasOuter',
  'trials',
] as const
type SearchField = (typeof searchFields)[number]

export class LaneSearch {
  readonly #b: LaneBuilder
  readonly #vectors: LaneVectors
  readonly #fields: LaneFields
  readonly #state: Readonly<Record<SearchField, number>>
  readonly #lowGradient: readonly number[]

  constructor(b: LaneBuilder, vectors: LaneVectors, fields: LaneFields, length: number) {
    this.#b = b
    this.#vectors = vectors
    this.#fields = fields
    const state = searchFields.map((name) => [name, fields.scalar(name)])
    this.#state = Object.fromEntries(state) as Record<SearchField, number>
    this.#lowGradient = fields.vector('lowGradient', length)
  }

  /** Length of the step to the trial point. */
  get t(): number {
    return this.#state.t
  }

  /** Adds the nodes that read a trial with the gradient at its point. */
  read(trial: LaneTrial, gradient: readonly number[], limits: LaneSearchLimits): LaneSearchResult {
    const b = this.#b
    const names = { ...this.#state, ...trial, ...limits }
    const judged = judgment(b, names)
    const { next, nextOuter } = nextStep(b, { ...names, ...judged })
    const { newLowT, newLowValue, newLowSlope, newHighT, newHighValue, newHighSlope } = judged
    const after = {
      t: next,
      lowT: newLowT,
      lowValue: newLowValue,
      lowSlope: newLowSlope,
      highT: newHighT,
      highValue: newHighValue,
      highSlope: newHighSlope,
      isBracket: judged.opens,
      wasOuter: nextOuter,
      trials: b.add(this.#state.trials, b.one),
    }
    const { acceptsTrial, acceptsLow } = judged
    const lowGradient = this.#vectors.select(judged.isTooLong, this.#lowGradient, gradient)
    return { acceptsTrial, acceptsLow, after, lowGradient }
  }

  /**
   * Stores the search for the next pass, and returns the length of the next step. If `begins` is 1, another search
   * begins at `start` with the step 1.
   */
  store(
    { after, lowGradient }: LaneSearchResult,
    begins: number,
    start: LaneTrial,
    gradient: readonly number[],
  ): number {
    const b = this.#b
    const first: Partial<Record<SearchField, number>> = {
      t: b.one,
      lowT: b.zero,
      lowValue: start.value,
      lowSlope: start.slope,
      isBracket: b.zero,
      wasOuter: b.zero,
      trials: b.one,
    }
    for (const name of searchFields)
      this.#fields.set({ [name]: b.select(begins, first[name] ?? after[name], after[name]) })
    this.#fields.set({ lowGradient: this.#vectors.select(begins, gradient, lowGradient) })
    return b.select(begins, b.one, after.t)
  }
}
