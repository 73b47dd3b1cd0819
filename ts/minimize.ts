import { type Bounds, type Box, project, readBounds } from './bounds.js'
import type { EngineName } from './engines/engine.js'
import { OptionError } from './errors.js'
import { readObjective, readStart } from './objectives/arguments.js'
import { centralDifferences, filling } from './objectives/gradient.js'
import type { Objective } from './objectives/index.js'
import { Optimizer } from './optimizer.js'
import type { OptimizerOptions } from './options.js'
import { type Decay, freeNorm, isAtRest, largest, PATIENCE } from './rest.js'
import type { Rule } from './rules/definitions.js'
import { type FloatArray, rounding } from './rules/kernel.js'
import { resolve } from './rules/resolve.js'
import { scheduleOf } from './rules/values.js'
import { warmupSteps } from './schedules.js'
import { copyOf } from './typed-arrays.js'

/** How long to minimise and from which dtype, beside the options of an `Optimizer`. */
export interface MinimizeOptions
  extends Pick<OptimizerOptions, 'clip' | 'engine' | 'instructionSet' | 'threads'> {
  /** Stop when the largest |θ_{t+1} − θ_t| is below this, at rest; 1e-9. With 0 it never is. */
  readonly tolerance?: number
  /** Stop after this many updates; 10,000. */
  readonly maxIterations?: number
  /** The dtype when x is a plain list of numbers; float64. */
  readonly dtype?: 'float32' | 'float64'
  /**
   * From which number to which each parameter may go, in the order of x or by name where the objective has
   * `parameters`, as expressions do. x at first, and after each update, is moved to the nearest point within;
   * elsewhere the objective is never asked.
   */
  readonly bounds?: Bounds
  /**
   * Called after each update with the live parameters and the number of updates; `true` stops. An
   * update that was not finite ends the run without a call.
   */
  readonly callback?: (x: FloatArray, iteration: number) => boolean | void
}

/**
 * Why a minimisation stopped:
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

/** Where a minimisation ended, and why. */
export interface MinimizeResult {
  /** The last point, in the dtype of the run. */
  readonly x: FloatArray
  /** The objective there. */
  readonly value: number
  /**
   * The largest |gᵢ| at the last update, before clipping and decay; NaN if there was none, or one is. At a bound
   * it need not be small.
   */
  readonly gradientNorm: number
  /** How many updates were made. */
  readonly iterations: number
  /** Why it stopped; see {@link MinimizeReason}. */
  readonly reason: MinimizeReason
  /** The largest |θ_{t+1} − θ_t| of the last update, within bounds; NaN if there was none. */
  readonly change: number
  /** Whether the objective gave its gradient or differences stood in for it. */
  readonly gradient: 'given' | 'central-differences'
  /** What ran. */
  readonly engine: EngineName
}

/**
 * Minimises a function from a starting point by a rule.
 *
 * The stopping rule is the essay's: the largest absolute change of a parameter in an update is
 * below the tolerance. It is not tested while a delayed start or a warm-up lasts, and does not count
 * where steps are short for another reason than a small gradient; to see that, the gradient is also
 * taken at up to three points nearby.
 *
 * @param objective `{ value, gradient }`, or a function of x alone: then, and where `gradient` is
 * missing, central differences with step ∛ε·max(1, |xᵢ|) stand in (2n values an update)
 * @param x where to start, of any length ≥ 1; copied. A typed array keeps its dtype.
 * @param rule such as `adam({ lr: 1e-2 })`
 * @throws OptionError, TensorError or EngineError as `new Optimizer` does, before the first update;
 * OptionError where the gradient does not fill all of `out`
 * @example
 * minimize(rosenbrock(), [-1.5, 2], adam({ lr: 1e-2 }), { tolerance: 1e-9, maxIterations: 50_000 })
 */
export function minimize(
  objective: Objective | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number>,
  rule: Rule,
  options: MinimizeOptions = {},
): MinimizeResult {
  const minimization = new Minimization(objective, x, rule, options)
  while (minimization.step());
  const { params, value, gradientNorm, iterations, change, gradient, engine } = minimization
  const reason = minimization.reason as MinimizeReason
  return { x: params.slice(), value, gradientNorm, iterations, reason, change, gradient, engine }
}

/**
 * What {@link minimize} does, one update at a time: for a picture, or for whoever wants to stop and
 * go on. It takes the same arguments and visits the same points.
 *
 * @example
 * const minimization = new Minimization(rosenbrock(), [-1.5, 2], adam({ lr: 1e-2 }))
 * while (minimization.step()) console.log(minimization.params)
 * console.log(minimization.reason)
 */
export class Minimization {
  /** Where it is: the optimizer's live parameters, to be read. */
  readonly params: FloatArray
  /** Whether the objective gave its gradient or differences stand in for it. */
  readonly gradient: MinimizeResult['gradient']
  /** What runs. */
  readonly engine: EngineName

  readonly #optimizer: Optimizer<FloatArray>
  readonly #value: (x: ArrayLike<number>) => number
  readonly #gradient: Required<Objective>['gradient']
  readonly #fillingGradient: Required<Objective>['gradient']
  readonly #callback: MinimizeOptions['callback']
  readonly #tolerance: number
  readonly #box: Box | null
  readonly #maxIterations: number
  /** For how many updates standing still does not count. */
  readonly #exempt: number
  readonly #grads: FloatArray
  /** Where the next gradient is wanted: the same views at each call, and for most rules the parameters. */
  readonly #point: FloatArray
  /** The same; of bounded parameters a copy in the box, unless it is them. */
  readonly #pointInside: FloatArray
  readonly #before: FloatArray
  #iterations = 0
  #change = NaN
  #reason: MinimizeReason | null = null
  /** The objective at the parameters, where it is known. */
  #valueHere: number | undefined
  /** Since when steps have been short although the gradient is not small; null where they are not. */
  #shortSince: { iterations: number; change: number; gradientNorm: number } | null = null

  /** The arguments of {@link minimize}, whose errors it throws. */
  constructor(
    objective: Objective | ((x: ArrayLike<number>) => number),
    x: ArrayLike<number>,
    rule: Rule,
    options: MinimizeOptions = {},
  ) {
    if (typeof options !== 'object' || options === null) {
      throw new OptionError('options', 'an object', options)
    }
    const stranger = Object.keys(options).find((name) => !(optionNames as readonly string[]).includes(name))
    if (stranger !== undefined) throw new OptionError('options', `one of ${optionNames.join(', ')}`, stranger)
    const { tolerance = 1e-9, maxIterations = 10_000, dtype, callback, bounds, ...optimizerOptions } = options
    const { value, gradient: given, names } = readObjective(objective)
    checkStopping({ tolerance, maxIterations })
    if (callback !== undefined && typeof callback !== 'function') {
      throw new OptionError('callback', 'a function', callback)
    }
    const from = start(x, dtype)
    const box = readBounds(bounds, {
      ...{ names, length: from.length },
      dtype: from instanceof Float32Array ? 'float32' : 'float64',
    })
    const inside = box === null ? from : copyOf(from)
    if (box !== null) project(inside, box)
    const optimizer = new Optimizer(inside, rule, optimizerOptions)
    const { rule: checked, delay } = resolve(optimizer.rule)

    this.params = optimizer.params
    this.gradient = given ? 'given' : 'central-differences'
    this.engine = optimizer.engine
    this.#optimizer = optimizer
    this.#value = value
    this.#gradient = given ?? centralDifferences(value, new Float64Array(this.params.length), undefined, box)
    this.#fillingGradient = filling(this.#gradient, optimizer.grads)
    this.#callback = callback
    this.#tolerance = tolerance
    this.#box = box
    this.#maxIterations = maxIterations
    this.#exempt = Math.max(delay, ...Object.values(checked).map(warmupSteps))
    this.#grads = optimizer.grads
    this.#point = optimizer.point()
    this.#pointInside = box === null || this.#point === this.params ? this.#point : this.params.slice()
    this.#before = this.params.slice()
    if (maxIterations === 0) this.#reason = 'max-iterations'
  }

  /** The objective at `params`. */
  get value(): number {
    return this.#valueHere ?? this.#value(this.params)
  }

  /** The largest |gᵢ| at the last update, before clipping and decay; NaN before the first, or if one is. */
  get gradientNorm(): number {
    return this.#iterations === 0 ? NaN : largest(this.#grads)
  }

  /** How many updates were made. */
  get iterations(): number {
    return this.#iterations
  }

  /** The largest |θ_{t+1} − θ_t| of the last update; NaN before the first. */
  get change(): number {
    return this.#change
  }

  /** Why it has stopped; null while it has not. */
  get reason(): MinimizeReason | null {
    return this.#reason
  }

  /** One update, unless it has stopped; `false` when it has. */
  step(): boolean {
    if (this.#reason !== null) return false
    const optimizer = this.#optimizer
    const params = this.params
    const point = this.#point
    const inside = this.#pointInside
    const box = this.#box
    if (point !== params) optimizer.point()
    if (box !== null && inside !== point) {
      inside.set(point)
      project(inside, box)
    }
    const gradient = this.#iterations % CHECKED === 0 ? this.#fillingGradient : this.#gradient
    gradient(inside, this.#grads)
    optimizer.step()
    if (box !== null) project(params, box)
    this.#valueHere = undefined
    const iterations = ++this.#iterations
    const change = moved(params, this.#before)
    this.#change = change
    if (!(change < Infinity)) this.#reason = 'diverged'
    else if (this.#callback?.(params, iterations) === true) this.#reason = 'callback'
    else if (change < this.#tolerance && iterations > this.#exempt) this.#reason = this.#whenShort(change)
    else if (iterations >= this.#maxIterations)
      this.#reason = this.#isFinite() ? 'max-iterations' : 'diverged'
    else this.#shortSince = null
    return this.#reason === null
  }

  /** What a step below the tolerance means. */
  #whenShort(change: number): MinimizeReason | null {
    if (!this.#isFinite()) return 'diverged'
    const decay = this.#decay()
    if (isAtRest(this.#gradient, this.params, this.#gradsHere(), this.#tolerance, decay, this.#box))
      return 'converged'
    const iterations = this.#iterations
    if (iterations >= this.#maxIterations) return 'max-iterations'
    const gradientNorm = freeNorm(this.params, this.#grads, decay, this.#box)
    const since = this.#shortSince
    const isGettingOn =
      since === null || gradientNorm < 0.99 * since.gradientNorm || change > 1.01 * since.change
    if (isGettingOn) this.#shortSince = { iterations, change, gradientNorm }
    else if (iterations - since.iterations >= PATIENCE) return 'stalled'
    return null
  }

  /** The gradient at the parameters, or no more than a step away. */
  #gradsHere(): FloatArray {
    if (this.#point === this.params) return this.#grads
    const grads = this.#grads.slice()
    this.#gradient(this.params, grads)
    return grads
  }

  /** Whether value, gradient and state are; the parameters are known to be. */
  #isFinite(): boolean {
    this.#valueHere = this.#value(this.params)
    const { updates: _, ...state } = this.#optimizer.state as unknown as Record<string, FloatArray>
    return [this.#valueHere, this.gradientNorm, ...Object.values(state).map(largest)].every(Number.isFinite)
  }

  /** The decay at the last update. */
  #decay(): Decay {
    const { rule, definition } = resolve(this.#optimizer.rule)
    const numbers = (scheduleOf(definition, rule)?.at(this.#iterations - 1) ?? rule) as never
    const sign = rule.maximize === true ? -1 : 1
    return { l2: definition.l2(numbers), decoupled: 1 - definition.decay(numbers), sign }
  }
}

/** @throws OptionError where one of them is not what it has to be */
export function checkStopping({
  tolerance = 0,
  maxIterations = 0,
}: Pick<MinimizeOptions, 'tolerance' | 'maxIterations'>): void {
  if (!(typeof tolerance === 'number' && tolerance >= 0 && tolerance < Infinity)) {
    throw new OptionError('tolerance', 'a finite number ≥ 0', tolerance)
  }
  if (!Number.isInteger(maxIterations) || maxIterations < 0) {
    throw new OptionError('maxIterations', 'a whole number ≥ 0', maxIterations)
  }
}

const optionNames = [
  ...(['tolerance', 'maxIterations', 'dtype', 'callback', 'bounds'] as const),
  ...(['clip', 'engine', 'instructionSet', 'threads'] as const),
] satisfies (keyof MinimizeOptions)[]

/** At the first of so many updates it is checked that the gradient fills `out`: at each one it would show. */
const CHECKED = 32

/** The largest |xᵢ − beforeᵢ|, NaN if one is; `before` becomes x. */
function moved(x: FloatArray, before: FloatArray): number {
  // In the dtype, as many runs at once do it.
  const f = rounding[x instanceof Float32Array ? 'float32' : 'float64']
  let largest = 0
  for (let i = 0; i < x.length; i++) {
    const now = x[i]
    largest = Math.max(largest, Math.abs(f(now - before[i])))
    before[i] = now
  }
  return largest
}

function start(x: ArrayLike<number>, dtype: 'float32' | 'float64' | undefined): FloatArray {
  if (dtype !== undefined && dtype !== 'float32' && dtype !== 'float64') {
    throw new OptionError('dtype', "'float32' or 'float64'", dtype)
  }
  const read = readStart(x)
  return dtype === undefined ? read : dtype === 'float32' ? Float32Array.from(read) : Float64Array.from(read)
}
