import { OptionError } from '../core/errors.js'
import { epsilon, type FloatArray, largest } from '../core/numbers.js'
import { freeNorm } from '../minimize/convergence.js'
import { type MinimizationProblem, method } from '../minimize/method.js'
import { MethodDescent } from '../minimize/method-descent.js'
import { type BoundsBox, isHeld, project } from '../objectives/bounds.js'
import { requireWritten } from '../objectives/gradient.js'
import { fraction, integerAtLeast, nullable, type ValuesOf } from '../options/kinds.js'
import { BoxPath } from './box-path.js'
import { lbfgsLanes } from './lanes/lbfgs.js'
import { historyOf, MAX_IDLE_UPDATES, MAX_ROUNDS, MIN_CURVATURE, ROUNDING_FACTOR } from './lbfgs-limits.js'
import { search, type Trial } from './line-search.js'

const options = {
  /**
   * m ≥ 1: count of past steps and gradient changes that are kept, in two arrays per step; null: 10, or twice the number
   * of parameters if that is less
   */
  history: nullable(integerAtLeast(1)),
  /** c1 in (0, c2): a step must achieve at least this fraction of the decrease that the slope predicts */
  c1: fraction(1e-4),
  /** c2 in (c1, 1): a step must reduce the absolute slope to at most this fraction of the initial slope */
  c2: fraction(0.9),
  /** ≥ 1: maximum number of trial points per line search */
  maxLineSearch: integerAtLeast(1, 25),
}

type LbfgsValues = ValuesOf<typeof options>

/** Description of L-BFGS; see {@link lbfgs}. */
export interface Lbfgs extends LbfgsValues {
  readonly method: 'lbfgs'
}

declare module '../minimize/method.js' {
  interface Methods {
    readonly lbfgs: Lbfgs
  }
}

/** A point of a line search. */
interface LineTrial extends Trial {
  readonly grads: FloatArray
}

/** A step s, and the change y of the gradient along the step. */
interface CorrectionPair {
  readonly s: Float64Array
  readonly y: Float64Array
  /** 1/(s·y) */
  readonly rho: number
}

/** Number of gradient evaluations between two checks that the gradient function fills `out`. */
const CHECKED_GRADIENTS = 32

class LbfgsDescent extends MethodDescent {
  readonly params: FloatArray
  grads: FloatArray
  isStuck = false
  startNorm = NaN
  readonly #problem: MinimizationProblem
  readonly #values: LbfgsValues
  /** Correction pairs of steps and gradient changes, newest first. */
  readonly #pairs: CorrectionPair[] = []
  /** Point at which the line search evaluates the objective. */
  readonly #point: FloatArray
  readonly #box: BoundsBox | null
  /** The variables that stay at their bound during the line search, marked by 1. */
  readonly #held: Uint8Array
  readonly #descentOut: Float64Array
  #direction: Float64Array
  /** Arrays of gradients: at `params`, at the lower end of the line search, and at the trial point. */
  readonly #gradients: FloatArray[]
  /** A pair whose arrays are free. */
  #spare: CorrectionPair
  /** The way from `params` to the points of the line search, if there are bounds. */
  #path: BoxPath | null = null
  #value: number | undefined
  #asked = 0
  /** Lowest value and smallest gradient so far. */
  #least = Infinity
  #flattest = Infinity
  #idle = 0

  constructor(values: LbfgsValues, problem: MinimizationProblem) {
    super()
    this.params = problem.start.slice()
    this.grads = this.params.slice()
    this.#point = this.params.slice()
    this.#direction = new Float64Array(this.params.length)
    this.#descentOut = this.#direction.slice()
    this.#gradients = [this.params.slice(), this.params.slice(), this.grads]
    this.#spare = pairOf(this.params.length)
    this.#held = new Uint8Array(this.params.length)
    this.#box = problem.box
    if (problem.box !== null) project(this.params, problem.box)
    this.#values = values
    this.#problem = problem
  }

  update(): number | undefined {
    const start = this.#start()
    const { value, slope } = start
    // The condition also ends the run if the gradient is 0 or NaN.
    if (!(slope < 0 && Number.isFinite(value))) return this.#end(undefined)
    const { c1, c2, maxLineSearch } = this.#values
    const found = search(start, (t, low) => this.#ask(t, low), {
      c1,
      c2,
      maxTrials: maxLineSearch,
      noise: ROUNDING_FACTOR * epsilon[this.params.BYTES_PER_ELEMENT] * Math.abs(value),
      closest: this.#problem.tolerance / largest(this.#direction),
      longest: this.#path?.longest ?? Infinity,
    })
    return this.#move(start, found)
  }

  /** Chooses the direction of the next line search, and returns its start. */
  #start(): LineTrial {
    if (this.#value === undefined) {
      const { value, grads } = this.#ask(0, this)
      this.#value = value
      this.grads = grads
      this.startNorm = freeNorm(this.params, grads, this.decay(), this.#box)
    }
    let slope = this.#turn()
    // Correction pairs that do not yield a descent direction are discarded.
    if (!(slope < 0)) {
      this.#pairs.length = 0
      slope = this.#turn()
    }
    return { t: 0, value: this.#value, slope, grads: this.grads }
  }

  /**
   * Chooses a direction, and returns the slope along it. With bounds, a variable is held if it is at a bound and the
   * gradient or the direction pushes it out. (A direction of the other variables may push another variable out.)
   */
  #turn(): number {
    const { grads, params } = this
    const box = this.#box
    const held = this.#held
    if (box !== null)
      for (let i = 0; i < held.length; i++) held[i] = isHeld(params[i], grads[i], i, box) ? 1 : 0
    this.#direction = this.#descent()
    if (box !== null) {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const d = this.#direction
        let hasChanged = false
        for (let i = 0; i < held.length; i++) {
          if (held[i] === 1 || !isHeld(params[i], -d[i], i, box)) continue
          held[i] = 1
          hasChanged = true
        }
        if (!hasChanged) break
        this.#direction = this.#descent()
      }
      this.#path ??= new BoxPath(params, box)
      this.#path.begin(params, this.#direction, grads)
      this.#direction = this.#path.direction
    }
    return dot(grads, this.#direction)
  }

  /**
   * The direction −H·g of the variables that are not held, by the two-loop recursion over the correction pairs;
   * −g/Σ|gᵢ| if no pairs exist. Held variables take no part in any product.
   */
  #descent(): Float64Array {
    const { grads } = this
    const held = this.#held
    const { length } = grads
    const d = this.#descentOut
    // Loops take a fraction of the time of `map` and `from`, and arrays are reused to avoid their allocation.
    for (let i = 0; i < length; i++) d[i] = held[i] === 1 ? 0 : 0 - grads[i]
    const pairs =
      this.#box !== null && held.includes(1)
        ? this.#pairs.flatMap((pair) => withoutHeld(pair, held))
        : this.#pairs
    if (pairs.length === 0) {
      let size = 0
      for (let i = 0; i < length; i++) size += Math.abs(d[i])
      for (let i = 0; i < length; i++) d[i] /= size
      return d
    }
    const alphas: number[] = []
    for (let k = 0; k < pairs.length; k++) {
      const { s, y, rho } = pairs[k]
      const alpha = rho * dot(s, d)
      alphas.push(alpha)
      add(d, -alpha, y)
    }
    const [newest] = pairs
    const gamma = 1 / (newest.rho * dot(newest.y, newest.y))
    for (let i = 0; i < length; i++) d[i] *= gamma
    for (let k = pairs.length - 1; k >= 0; k--) {
      const { s, y, rho } = pairs[k]
      add(d, alphas[k] - rho * dot(y, d), s)
    }
    return d
  }

  /** Writes θ + t·d, rounded to the dtype, to `#point`. */
  #pointAt(t: number): FloatArray {
    const { params } = this
    if (this.#path !== null) return this.#path.pointAt(t, this.#point)
    for (let i = 0; i < params.length; i++) this.#point[i] = params[i] + t * this.#direction[i]
    return this.#point
  }

  /** Evaluates the point of a line search. Afterwards, the search needs only the gradients of this point and of `low`. */
  #ask(t: number, low: { readonly grads: FloatArray }): LineTrial {
    const { value, gradient, both } = this.#problem
    const point = this.#pointAt(t)
    const grads = this.#gradients.find((one) => one !== this.grads && one !== low.grads) as FloatArray
    const found = both ? both(point, grads) : value(point)
    if (!both) {
      if (this.#asked++ % CHECKED_GRADIENTS === 0) requireWritten(gradient, grads)(point, grads)
      else gradient(point, grads)
    }
    const slope = dot(grads, this.#direction)
    const isUsable = (Number.isFinite(found) && Number.isFinite(slope)) || found === -Infinity
    return { t, value: isUsable ? found : Infinity, slope, grads }
  }

  /** Moves to the result of the line search, and stores the step as a correction pair. */
  #move(start: LineTrial, { t, value, grads }: LineTrial): number | undefined {
    const point = this.#pointAt(t)
    const { s, y } = this.#spare
    subtract(point, this.params, s)
    // The line search has found no better point. If correction pairs exist, the search is repeated without correction
    // pairs.
    if (t === 0 || largest(s) === 0) {
      if (this.#pairs.length === 0) return this.#end(start.value)
      this.#pairs.length = 0
      return start.value
    }
    subtract(grads, start.grads, y)
    const curvature = dot(s, y)
    const rho = 1 / curvature
    const isUseful =
      curvature > epsilon[8] * Math.abs(dot(s, start.grads)) && rho * dot(y, y) > 0 && rho < Infinity
    if (isUseful) {
      this.#pairs.unshift({ s, y, rho })
      const most = historyOf(this.#values.history, s.length)
      this.#spare = (this.#pairs.length > most && this.#pairs.pop()) || pairOf(s.length)
    }
    this.params.set(point)
    this.grads = grads
    this.#value = value
    const size = largest(grads)
    this.#idle = value < this.#least || size < this.#flattest ? 0 : this.#idle + 1
    this.#least = Math.min(this.#least, value)
    this.#flattest = Math.min(this.#flattest, size)
    // The run also ends if the value is −∞.
    return this.#idle === MAX_IDLE_UPDATES || value === -Infinity ? this.#end(value) : value
  }

  /** Ends the run at the current point. */
  #end(value: number | undefined): number | undefined {
    this.isStuck = true
    return value
  }
}

/** A correction pair without the held variables; none if the pair then shows no curvature. */
function withoutHeld({ s, y, rho }: CorrectionPair, held: Uint8Array): CorrectionPair[] {
  const own = { s: s.map((x, i) => (held[i] === 1 ? 0 : x)), y: y.map((x, i) => (held[i] === 1 ? 0 : x)) }
  const curvature = dot(own.s, own.y)
  return curvature * rho > MIN_CURVATURE ? [{ ...own, rho: 1 / curvature }] : []
}

/** The dot product Σ aᵢ·bᵢ, summed in order and in float64. */
function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

/** out ← a − b */
function subtract(a: FloatArray, b: FloatArray, out: Float64Array): void {
  for (let i = 0; i < out.length; i++) out[i] = a[i] - b[i]
}

/** A pair for steps of this length, which is not yet filled. */
function pairOf(length: number): CorrectionPair {
  return { s: new Float64Array(length), y: new Float64Array(length), rho: NaN }
}

/** a ← a + factor·b */
function add(a: Float64Array, factor: number, b: Float64Array): void {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i]
}

/**
 * L-BFGS, a quasi-Newton method for {@link minimize}. The direction is d = −H·g. The two-loop recursion forms H from
 * the last `history` steps s and gradient changes y. The update is θ ← θ + t·d. A line search finds a t that satisfies
 * the strong Wolfe conditions (Liu and Nocedal, 1989; Nocedal and Wright, 2006, algorithms 7.4 and 7.5). The
 * implementation follows `torch.optim.LBFGS` with `line_search_fn: 'strong_wolfe'`, but the first step is −g/Σ|gᵢ| even
 * for a small gradient. Because of this first step, scaling the objective does not change the path.
 *
 * L-BFGS is not an update rule, because a line search needs values, and an `Optimizer` does not receive values. L-BFGS
 * requires a smooth function with an exact gradient. L-BFGS needs no learning rate, and usually needs far fewer
 * gradient evaluations than an update rule. `minimize` runs L-BFGS in TypeScript, in float64, with parameters and
 * gradients rounded to their dtype. `minimizeMany` runs L-BFGS in lanes, in float64. The results are bit-identical
 * everywhere.
 *
 * @throws OptionError if an option is unknown or out of its range
 * @example
 * minimize(rosenbrock(), [-1.5, 2], lbfgs())
 */
export const lbfgs: (options?: Partial<LbfgsValues>) => Lbfgs = method({
  name: 'lbfgs',
  options,
  check({ c1, c2 }) {
    if (!(c1 > 0 && c1 < c2)) throw new OptionError('lbfgs: c1', `a number in (0, c2 = ${c2})`, c1)
  },
  begin: (values, problem) => new LbfgsDescent(values, problem),
  lanes: lbfgsLanes,
})
