import { epsilon, type FloatArray } from '../core/numbers.js'
import { type MinimizationProblem, method } from '../minimize/method.js'
import { MethodDescent } from '../minimize/method-descent.js'
import type { MinimizeReason } from '../minimize/reasons.js'
import { type BoundsBox, clamp } from '../objectives/bounds.js'
import { flag, integerAtLeast, positive, type ValuesOf } from '../options/kinds.js'

const options = {
  /**
   * Whether the coefficients depend on the number of parameters n, as by Gao and Han (2012): expansion 1 + 2/n,
   * contraction 0.75 − 1/(2n), shrinkage 1 − 1/n; default true. If false, the coefficients are 2, ½ and ½.
   */
  adaptive: flag(true),
  /** ≥ 0: maximum number of new simplexes around the result; default 20. Without a new simplex, no run converges. */
  restarts: integerAtLeast(0, 20),
  /** > 0: edge of the first simplex along parameter i, in units of max(1, |xᵢ|); default 0.1 */
  step: positive(0.1),
}

type NelderMeadValues = ValuesOf<typeof options>

/** Description of the Nelder-Mead method; see {@link nelderMead}. */
export interface NelderMead extends NelderMeadValues {
  readonly method: 'nelderMead'
}

declare module '../minimize/method.js' {
  interface Methods {
    readonly nelderMead: NelderMead
  }
}

interface Vertex {
  readonly x: FloatArray
  /** The value; Infinity if the value is NaN. */
  readonly value: number
}

type Outcome = Extract<MinimizeReason, 'converged' | 'stalled' | 'diverged'>

/** Edges of the simplex of a restart, as a fraction of the edges of the first simplex. */
const RESTART_STEP = 0.03
/** Count of iterations, in numbers of vertices, after which the size and the values of a simplex are checked. */
const PATIENCE = 10
/** A simplex makes progress if its size, or else the drop of the value since the last check, shows this ratio. */
const MIN_PROGRESS = 0.1
/** Edges of the simplex that replaces a flat one, as a multiple of the flat one's size. */
const ENLARGEMENT = 10
/** Two searches that end within this many tolerances have found the same point. */
const SAME_IN_TOLERANCES = 1000
/** Distances, in tolerances, at which the values around the result must rise along every axis. */
const PROBES = [10, 40, 160, 640, 2560, 10_240]
/** Values that differ by at most this many rounding errors may be equal. */
const ROUNDING_FACTOR = 100

class NelderMeadDescent extends MethodDescent {
  readonly isStuck = false
  readonly params: FloatArray
  /** NaN, because the method evaluates no gradient. */
  readonly grads: FloatArray
  outcome: Outcome | null = null
  readonly #problem: MinimizationProblem
  readonly #values: NelderMeadValues
  readonly #epsilon: number
  /** Indices of the parameters whose bounds differ. */
  readonly #free: readonly number[]
  readonly #search: Generator<undefined, Outcome>
  /** The vertex with the lowest value so far. */
  #best: Vertex

  constructor(values: NelderMeadValues, problem: MinimizationProblem) {
    super()
    const { start, box } = problem
    this.params = start.map((x, i) => inBox(x, i, box))
    this.grads = this.params.slice().fill(NaN)
    this.#problem = problem
    this.#values = values
    this.#epsilon = epsilon[start.BYTES_PER_ELEMENT]
    this.#free = [...start.keys()].filter((i) => box === null || box.min[i] < box.max[i])
    this.#best = { x: this.params, value: Infinity }
    this.#search = this.#passes()
  }

  update(): number | undefined {
    const { done, value: outcome } = this.#search.next()
    if (done) this.outcome = outcome
    const { x, value } = this.#best
    this.params.set(x)
    return value === Infinity ? undefined : value
  }

  /** Searches from the start, and from a new simplex around each result, until a search confirms the result before. */
  *#passes(): Generator<undefined, Outcome> {
    const { restarts, step } = this.#values
    this.#best = this.#evaluate(this.params)
    for (let pass = 0; ; pass++) {
      const from = this.#best
      yield* this.#descend(pass === 0 ? step : step * RESTART_STEP, pass % 2 === 0 ? 1 : -1)
      if (!Number.isFinite(this.#best.value)) return 'diverged'
      this.#moveToBounds()
      // A function with random noise has another value at the same point.
      if (this.#evaluate(this.#best.x).value !== this.#best.value) return 'stalled'
      if (pass > 0 && this.#isSame(from) && this.#isLowest()) return 'converged'
      if (pass >= restarts) return 'stalled'
      yield
    }
  }

  /** Searches from the best point until a simplex is smaller than the tolerance. */
  *#descend(step: number, sign: number): Generator<undefined, void> {
    let edge = step
    let side = sign
    for (;;) {
      const simplex = this.#simplex(side * edge)
      if (!Number.isFinite(this.#best.value)) return
      if (yield* this.#contract(simplex)) return
      // The simplex has become too flat. A larger one takes its place.
      edge = Math.min(step, ENLARGEMENT * this.#size(simplex))
      side = -side
      yield
    }
  }

  /** The simplex with an edge along each free parameter, sorted by value. */
  #simplex(step: number): Vertex[] {
    const { x } = this.#best
    const { box } = this.#problem
    const simplex = [this.#best]
    for (const i of this.#free) {
      const edge = step * unit(x[i])
      const there = inBox(x[i] + edge, i, box)
      const back = inBox(x[i] - edge, i, box)
      const point = x.slice()
      point[i] = Math.abs(there - x[i]) >= Math.abs(back - x[i]) ? there : back
      this.#insert(simplex, this.#evaluate(point))
    }
    return simplex
  }

  /**
   * Moves the simplex until every edge is within the tolerance, and returns true; false as soon as the simplex neither
   * becomes smaller nor finds much lower values.
   */
  *#contract(simplex: Vertex[]): Generator<undefined, boolean> {
    const window = PATIENCE * simplex.length
    let size = Infinity
    let { value } = this.#best
    let largestDrop = 0
    for (let k = 0; !this.#isSmall(simplex); k++) {
      yield
      this.#replaceWorst(simplex)
      if (k % window !== 0) continue
      const drop = value - this.#best.value
      if (this.#size(simplex) > MIN_PROGRESS * size && drop < MIN_PROGRESS * largestDrop) return false
      largestDrop = Math.max(largestDrop, drop)
      size = this.#size(simplex)
      value = this.#best.value
    }
    return true
  }

  /** One iteration: replaces the worst vertex, or shrinks the simplex. */
  #replaceWorst(simplex: Vertex[]): void {
    const n = this.#free.length
    const isAdaptive = this.#values.adaptive && n > 1
    const contraction = isAdaptive ? 0.75 - 0.5 / n : 0.5
    const worst = simplex.pop() as Vertex
    const center = this.#center(simplex)
    const at = (factor: number) => this.#evaluate(center.map((c, i) => c + factor * (c - worst.x[i])))
    const reflected = at(1)
    let found: Vertex | null = reflected
    if (reflected.value < simplex[0].value) {
      const expanded = at(isAdaptive ? 1 + 2 / n : 2)
      if (expanded.value < reflected.value) found = expanded
    } else if (!(reflected.value < simplex[n - 1].value)) {
      const isOutside = reflected.value < worst.value
      const contracted = at(isOutside ? contraction : -contraction)
      const isBetter = isOutside ? contracted.value <= reflected.value : contracted.value < worst.value
      found = isBetter ? contracted : null
    }
    if (found !== null) this.#insert(simplex, found)
    else this.#shrink(simplex, worst, isAdaptive ? 1 - 1 / n : 0.5)
  }

  /** Moves all vertices towards the lowest one. */
  #shrink(simplex: Vertex[], worst: Vertex, shrinkage: number): void {
    const [{ x }] = simplex
    const others = [...simplex.splice(1), worst]
    for (const other of others)
      this.#insert(simplex, this.#evaluate(Float64Array.from(x, (c, i) => c + shrinkage * (other.x[i] - c))))
  }

  /** The mean of the vertices. */
  #center(simplex: readonly Vertex[]): Float64Array {
    const center = new Float64Array(this.params.length)
    for (const { x } of simplex) for (let i = 0; i < x.length; i++) center[i] += x[i]
    for (let i = 0; i < center.length; i++) {
      const x = simplex[0].x[i]
      // The mean of equal numbers may be rounded.
      center[i] = simplex.every((vertex) => vertex.x[i] === x) ? x : center[i] / simplex.length
    }
    return center
  }

  /** Inserts a vertex behind all vertices that are not higher. */
  #insert(simplex: Vertex[], vertex: Vertex): void {
    let k = simplex.length
    while (k > 0 && vertex.value < simplex[k - 1].value) k--
    simplex.splice(k, 0, vertex)
    if (vertex.value < this.#best.value) this.#best = vertex
  }

  /** Evaluates the objective at a point that is moved into the bounds and rounded to the dtype. */
  #evaluate(at: FloatArray): Vertex {
    const { box, value } = this.#problem
    const x = this.params.slice()
    for (let i = 0; i < x.length; i++) x[i] = inBox(at[i], i, box)
    const found: unknown = value(x.slice())
    return { x, value: typeof found === 'number' && !Number.isNaN(found) ? found : Infinity }
  }

  /** Length along a parameter that counts as 0; negative with a tolerance of 0. */
  #resolution(i: number): number {
    const { tolerance } = this.#problem
    const rounding = 2 * this.params.length * this.#epsilon * Math.abs(this.#best.x[i])
    return tolerance === 0 ? -1 : Math.max(tolerance, rounding)
  }

  /** Moves parameters next to a bound onto the bound, unless the value grows. */
  #moveToBounds(): void {
    const { box } = this.#problem
    for (const i of box === null ? [] : this.#free) {
      for (const bound of [(box as BoundsBox).min[i], (box as BoundsBox).max[i]]) {
        const { x, value } = this.#best
        const distance = Math.abs(x[i] - bound)
        if (!(distance > 0 && distance <= SAME_IN_TOLERANCES * this.#resolution(i))) continue
        const point = x.slice()
        point[i] = bound
        const vertex = this.#evaluate(point)
        if (vertex.value <= value) this.#best = vertex
      }
    }
  }

  /** Largest distance of a vertex from the best point along a parameter, in the units of `step`. */
  #size(simplex: readonly Vertex[]): number {
    const { x } = this.#best
    let size = 0
    for (const vertex of simplex)
      for (const i of this.#free) size = Math.max(size, Math.abs(vertex.x[i] - x[i]) / unit(x[i]))
    return size
  }

  #isSmall(simplex: readonly Vertex[]): boolean {
    const { x } = this.#best
    return this.#free.every((i) => {
      const resolution = this.#resolution(i)
      return simplex.every((vertex) => Math.abs(vertex.x[i] - x[i]) <= resolution)
    })
  }

  /** Whether the last search has found the point before it, or a point that is as low. */
  #isSame(from: Vertex): boolean {
    const { x, value } = this.#best
    const isNear = (i: number) => Math.abs(from.x[i] - x[i]) <= SAME_IN_TOLERANCES * this.#resolution(i)
    return from.value - value <= this.#noise() || this.#free.every(isNear)
  }

  #noise(): number {
    return ROUNDING_FACTOR * this.#epsilon * Math.abs(this.#best.value)
  }

  /**
   * Whether the values rise along every axis with the distance from the best point. Values that fall again are noise,
   * or lower than the best value.
   */
  #isLowest(): boolean {
    const { x, value } = this.#best
    const noise = this.#noise()
    for (const i of this.#free) {
      for (const sign of [1, -1]) {
        let before = value
        for (const probe of PROBES) {
          const point = x.slice()
          point[i] += sign * probe * this.#resolution(i)
          const vertex = this.#evaluate(point)
          if (vertex.value < this.#best.value) this.#best = vertex
          if (vertex.value < before - noise) return false
          before = vertex.value
        }
      }
    }
    return true
  }
}

/** The unit of `step`. */
const unit = (x: number) => Math.max(1, Math.abs(x))

const inBox = (x: number, i: number, box: BoundsBox | null) =>
  box === null ? x : clamp(x, box.min[i], box.max[i])

/**
 * The Nelder-Mead method for {@link minimize}: a search with values alone, for functions without a usable gradient. A
 * simplex of n + 1 points moves by reflection, expansion, contraction and shrinkage (Nelder and Mead, 1965; Lagarias,
 * Reeds, Wright and Wright, 1998). By default the coefficients depend on n (Gao and Han, 2012). With bounds, each point
 * is moved to the closest point within the bounds. A simplex that no longer makes progress is replaced by a larger one.
 *
 * The gradient of an objective is never evaluated. In the result, `gradientSource` is 'none', and `gradientNorm` and
 * `projectedGradientNorm` are NaN. The run ends for one of these reasons:
 * - 'converged': a search from a new simplex around the result found no other point: it ended within 1,000 tolerances,
 *   or the value fell by at most 100 rounding errors. Along each axis, values rise on both sides of the result, at
 *   distances of 10 to 10,240 tolerances. A second evaluation at the result returned the same value.
 * - 'stalled': the value at the result changes from call to call, or `restarts` new simplexes did not show the above.
 *   Both are usual for functions with noise. The value of the result is then the lowest draw, not the mean.
 * - 'diverged': no value was finite, or the value is −∞
 *
 * A value that is NaN or not a number counts as ∞. The tolerance applies to the distance of the points along each
 * parameter; rounding errors of large parameters replace it. An iteration is one movement of the simplex. The method
 * runs in TypeScript, and needs many evaluations for more than about ten parameters.
 *
 * @throws OptionError if an option is unknown or out of its range
 * @example
 * minimize((x) => Math.abs(x[0] - 1) + Math.abs(x[1]), [4, 5], nelderMead())
 */
export const nelderMead: (options?: Partial<NelderMeadValues>) => NelderMead = method({
  name: 'nelderMead',
  options,
  check() {},
  begin: (values, problem) => new NelderMeadDescent(values, problem),
})
