/**
 * L-BFGS in lanes, with the same bits as the method in `lbfgs.ts`.
 *
 * A lane is in one of the phases below. Each pass evaluates the objective at the lane's trial point, completes an
 * update if the line search ends, and chooses the next trial point. A pass is not an update: the field `iterations`
 * counts the updates. Within bounds, a run takes further passes to find the variables that stay at their bounds.
 */

import { EPSILON } from '../../core/numbers.js'
import { historyOf, MAX_IDLE_UPDATES, MAX_ROUNDS, ROUNDING_FACTOR } from '../lbfgs-limits.js'
import { defineLines, INFINITY, type LaneBuilder, type NamedNodes } from './lines.js'
import { LanePairs, type PairList } from './pairs.js'
import { LanePath, type LaneWay } from './path.js'
import { LaneSearch, type LaneSearchResult, type LaneTrial } from './search.js'
import { LaneFields, type LaneProblem, type LaneSolver } from './solver.js'
import { type LaneOutcome, type LanePass, LaneUpdates } from './updates.js'
import { type LaneBox, LaneVectors } from './vectors.js'

/** The trial point is the start. */
const START = 0
/** The trial point belongs to a line search. */
const SEARCH = 1
/** The pass chooses another direction at the same point, because more variables are held or the pairs are discarded. */
const TURN = 2
/** No direction descends, so the run ends. */
const STOP = 3
/** The trial point belongs to the test of convergence. */
const PROBE = 4

interface LbfgsLimits {
  readonly history: number | null
  readonly c1: number
  readonly c2: number
  readonly maxLineSearch: number
}

/** The phase of the pass, and whether the trial is usable. */
const reading = defineLines(
  `
  isStart = phase == START
  isSearch = phase == SEARCH
  isTurn = phase == TURN
  isStop = phase == STOP
  isProbe = phase == PROBE
  isUsable = abs(value) < INFINITY && abs(slope) < INFINITY || value == -INFINITY
  trialValue = isUsable ? value : INFINITY
`,
  { INFINITY, PROBE, SEARCH, START, STOP, TURN },
)

/** The changes that an accepted trial causes. */
const movement = defineLines(
  `
  accepts = isSearch && (acceptsTrial || acceptsLow)
  hasMoved = accepts && !(t == 0 || step == 0)
  hasRested = accepts && !hasMoved
  isUpdate = accepts || isStop
  takesTrial = isStart || hasMoved && acceptsTrial
  discards = hasRested && pairs > 0
`,
)

/** Whether the run still improves. */
const improvement = defineLines(
  `
  isNew = value < least || size < flattest
  idleNext = isNew ? 0 : idle + 1
  isIdle = hasMoved && (idleNext == MAX_IDLE_UPDATES || value == -INFINITY)
  isStuck = isIdle || isStop || hasRested && pairs == 0
  newIdle = hasMoved ? idleNext : idle
  newLeast = hasMoved ? min(least, value) : least
  newFlattest = hasMoved ? min(flattest, size) : flattest
`,
  { INFINITY, MAX_IDLE_UPDATES },
)

/** The next phase of a lane that looks for a direction. */
const turning = defineLines(
  `
  turns = isStart || isTurn || continues
  holdsMore = turns && anyNew && round < MAX_ROUNDS
  isDown = slope < 0
  hasDirection = turns && !holdsMore
  begins = hasDirection && isDown && abs(start) < INFINITY
  discards = hasDirection && !isDown && pairs > 0
  stops = hasDirection && !begins && !discards
  nextRound = holdsMore ? round + 1 : 0
  nextPhase = probes ? PROBE : holdsMore || discards ? TURN : stops ? STOP : SEARCH
`,
  { INFINITY, MAX_ROUNDS, PROBE, SEARCH, STOP, TURN },
)

/** The end of the line search, as nodes. */
interface LaneMove extends Omit<LanePass, 'isProbe'> {
  readonly accepts: number
  /** Value at the point for the line search: infinite if the value or the gradient is not finite. */
  readonly before: number
  readonly pairs: PairList
}

interface TurnNodes {
  readonly searched: LaneSearchResult
  readonly now: NamedNodes
  readonly outcome: LaneOutcome
}

/** Builds the program of L-BFGS in lanes. */
export function lbfgsLanes(values: LbfgsLimits, problem: LaneProblem): LaneSolver {
  return new LbfgsLanes(values, problem).solver()
}

class LbfgsLanes {
  readonly #values: LbfgsLimits
  readonly #problem: LaneProblem
  readonly #b: LaneBuilder
  readonly #fields: LaneFields
  readonly #vectors: LaneVectors
  readonly #box: LaneBox | null
  readonly #updates: LaneUpdates
  readonly #path: LanePath
  readonly #search: LaneSearch
  readonly #pairs: LanePairs
  /** Direction, bounds' steps and longest step of the present line search, and its slope and start's raw value. */
  readonly #way: LaneWay
  readonly #scalars: Readonly<
    Record<'phase' | 'slope' | 'before' | 'round' | 'idle' | 'least' | 'flattest', number>
  >
  readonly #held: readonly number[]

  constructor(values: LbfgsLimits, problem: LaneProblem) {
    const { b, parameters, isBounded } = problem
    const { length } = parameters
    const fields = new LaneFields(problem)
    const zeros = (name: string) => fields.vector(name, length)
    this.#values = values
    this.#problem = problem
    this.#b = b
    this.#fields = fields
    this.#vectors = new LaneVectors(b)
    this.#box = fields.box()
    this.#updates = new LaneUpdates(problem, fields, this.#vectors, this.#box)
    this.#path = new LanePath(b, this.#vectors, this.#box)
    this.#search = new LaneSearch(b, this.#vectors, fields, length)
    this.#pairs = new LanePairs(b, this.#vectors, fields, {
      history: historyOf(values.history, length),
      length,
    })
    this.#way = {
      direction: zeros('direction'),
      ends: isBounded ? zeros('end') : [],
      longest: isBounded ? fields.scalar('longest', 1) : b.constant(INFINITY),
    }
    this.#held = isBounded ? zeros('held') : parameters.map(() => b.zero)
    this.#scalars = {
      phase: fields.scalar('phase', START),
      slope: fields.scalar('slope'),
      before: fields.scalar('before', INFINITY),
      round: fields.scalar('round'),
      idle: fields.scalar('idle'),
      least: fields.scalar('least', INFINITY),
      flattest: fields.scalar('flattest', INFINITY),
    }
  }

  solver(): LaneSolver {
    const b = this.#b
    const v = this.#vectors
    const { gradient, value } = this.#problem
    const slope = v.dot(gradient, this.#way.direction)
    const now = reading(b, { phase: this.#scalars.phase, value, slope })
    const searched = this.#readTrial({ value: now.trialValue, slope })
    const moved = this.#move(searched, now)
    const outcome = this.#updates.finish({ ...moved, isProbe: now.isProbe }, gradient)
    this.#turn(moved, { searched, now, outcome })
    return { fields: this.#fields, reason: outcome.reason, results: this.#updates.results() }
  }

  /** Lets the line search read the trial. */
  #readTrial(trial: LaneTrial): LaneSearchResult {
    const b = this.#b
    const { c1, c2, maxLineSearch } = this.#values
    const { before, slope: startSlope } = this.#scalars
    const { direction, longest } = this.#way
    return this.#search.read(trial, this.#problem.gradient, {
      before,
      startSlope,
      c1: b.constant(c1),
      c2: b.constant(c2),
      maxTrials: b.constant(maxLineSearch),
      noise: b.multiply(b.constant(ROUNDING_FACTOR * EPSILON), b.operation('abs', before)),
      closest: b.divide(b.constant(this.#problem.tolerance), this.#vectors.largest(direction)),
      longest,
    })
  }

  /** Moves to the result of the line search, and stores the step as a correction pair. */
  #move(searched: LaneSearchResult, now: NamedNodes): LaneMove {
    const b = this.#b
    const v = this.#vectors
    const { isStart } = now
    const { acceptsTrial, after } = searched
    const { at, gradient: gradientBefore, value: valueBefore } = this.#updates
    const { gradient, value: raw, parameters } = this.#problem
    const trial = parameters.map((name) => b.name(name))
    const point = v.select(acceptsTrial, trial, this.#path.pointAt(at, this.#way, after.lowT))
    const value = b.select(acceptsTrial, now.trialValue, after.lowValue)
    const s = v.subtract(point, at)
    const step = v.largest(s)
    const { idle, least, flattest, before } = this.#scalars
    const moved = movement(b, {
      ...now,
      acceptsTrial,
      acceptsLow: searched.acceptsLow,
      t: b.select(acceptsTrial, this.#search.t, after.lowT),
      step,
      pairs: this.#pairs.count,
    })
    const { hasMoved, isUpdate } = moved
    const found = v.select(
      moved.takesTrial,
      gradient,
      v.select(hasMoved, searched.lowGradient, gradientBefore),
    )
    const improved = improvement(b, {
      ...now,
      ...moved,
      value,
      size: v.largest(found),
      idle,
      least,
      flattest,
      pairs: this.#pairs.count,
    })
    const pair = { s, y: v.subtract(found, gradientBefore), slope: v.dot(s, gradientBefore) }
    const { newIdle, newLeast, newFlattest } = improved
    this.#fields.set({ idle: newIdle, least: newLeast, flattest: newFlattest })
    return {
      isUpdate,
      isStuck: improved.isStuck,
      accepts: moved.accepts,
      at: v.select(hasMoved, point, at),
      gradient: found,
      value: b.select(isStart, raw, b.select(hasMoved, value, valueBefore)),
      before: b.select(isStart, now.trialValue, b.select(hasMoved, value, before)),
      // The difference is NaN if the start is not finite.
      change: b.select(hasMoved, step, v.zeroOf(at)),
      pairs: this.#pairs.update(pair, { adds: hasMoved, discards: moved.discards }),
    }
  }

  /** Chooses a direction for the lanes that need one, and the next trial point of each lane. */
  #turn(moved: LaneMove, { searched, now, outcome }: TurnNodes): void {
    const b = this.#b
    const v = this.#vectors
    const fields = this.#fields
    const { at, gradient, pairs, before } = moved
    const { probes, continues } = outcome
    const round = b.select(now.isTurn, this.#scalars.round, b.zero)
    const held = v.select(round, this.#held, v.held(at, gradient, this.#box))
    const free = this.#pairs.direction(pairs, gradient, held, this.#box !== null)
    // A held variable has no direction.
    const { pushed, ...way } = this.#path.from(at, free, gradient)
    const slope = v.dot(gradient, way.direction)
    const anyNew = v.any(pushed)
    const turned = turning(b, {
      ...now,
      continues,
      probes,
      round,
      anyNew,
      slope,
      start: before,
      pairs: pairs.count,
    })
    const { begins } = turned
    const next = {
      direction: v.select(begins, way.direction, this.#way.direction),
      ends: v.select(begins, way.ends, this.#way.ends),
      longest: b.select(begins, way.longest, this.#way.longest),
    }
    const t = this.#search.store(searched, begins, { value: before, slope }, gradient)
    const searches = b.operation('max', begins, b.multiply(now.isSearch, b.subtract(b.one, moved.accepts)))
    const trial = v.select(searches, this.#path.pointAt(at, next, t), at)
    fields.setPoint(v.select(probes, outcome.near, trial))
    fields.set({
      direction: next.direction,
      slope: b.select(begins, slope, this.#scalars.slope),
      before,
      round: turned.nextRound,
      phase: turned.nextPhase,
    })
    if (this.#box !== null) {
      const nowHeld = held.map((is, i) => b.add(b.multiply(turned.holdsMore, pushed[i]), is))
      fields.set({ end: next.ends, longest: next.longest, held: nowHeld })
    }
    this.#pairs.store(pairs, turned.discards)
  }
}
