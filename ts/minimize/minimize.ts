import { OptionError } from '../core/errors.js'
import { type Dtype, type FloatArray, largest } from '../core/numbers.js'
import { runToEnd } from '../core/slices.js'
import { createRecord, omitUndefined } from '../core/untrusted-input.js'
import type { EngineName } from '../engines/engine.js'
import type { OptimizerOptions } from '../model/options.js'
import { readObjective, readStart } from '../objectives/arguments.js'
import { type Bounds, type BoundsBox, readBounds } from '../objectives/bounds.js'
import { centralDifferences } from '../objectives/gradient.js'
import type { Objective } from '../objectives/index.js'
import {
  callback,
  dtype,
  integerAtLeast,
  nonNegative,
  type Option,
  optional,
  passThrough,
  type ValuesOf,
} from '../options/kinds.js'
import { readOptions as readOptionsOf } from '../options/read.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import { freeNorm, hasConverged, PATIENCE } from './convergence.js'
import { begin, type Descent, isMethod, type Method } from './method.js'
import type { MinimizeReason } from './reasons.js'
import { RuleDescent } from './rule-method.js'

/** How long to minimize and from which dtype, beside the options of an `Optimizer`. */
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

/** The options that go with a method too, which runs in TypeScript and without bounds. */
export type MethodOptions = Pick<MinimizeOptions, keyof typeof methodOptions>

/** How often an objective was asked for its value and for its gradient. Central differences are values. */
export interface Evaluations {
  readonly values: number
  readonly gradients: number
}

/** Where a minimization ended, and why. */
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
  /** How often the objective was asked. */
  readonly evaluations: Evaluations
  /** Why it stopped; see {@link MinimizeReason}. */
  readonly reason: MinimizeReason
  /** The largest |θ_{t+1} − θ_t| of the last update, within bounds; NaN if there was none. */
  readonly maxChange: number
  /** Whether the objective gave its gradient or differences stood in for it. */
  readonly gradientSource: 'analytic' | 'central-differences'
  /** What ran. */
  readonly engine: EngineName
  /** Why this engine, and why not another. */
  readonly engineReasons: readonly string[]
}

/**
 * Minimizes a function from a starting point by a rule, or by a method such as `lbfgs()`.
 *
 * The stopping rule is the essay's: the largest absolute change of a parameter in an update is
 * below the tolerance. It is not tested while a delayed start or a warm-up lasts, and does not count
 * where steps are short for another reason than a small gradient; to see that, the gradient is also
 * taken at up to three points nearby.
 *
 * @param objective `{ value, gradient }`, or a function of x alone: then, and where `gradient` is
 * missing, central differences with step ∛ε·max(1, |xᵢ|) stand in (2n values an update)
 * @param x where to start, of any length ≥ 1; copied. A typed array keeps its dtype.
 * @param rule such as `adam({ lr: 1e-2 })`, or a method, `lbfgs()`, which takes no `bounds`, `clip` and engines
 * @throws OptionError, TensorError or EngineError as `new Optimizer` does, before the first update;
 * OptionError where the gradient does not fill all of `out`
 * @example
 * minimize(rosenbrock(), [-1.5, 2], adam({ lr: 1e-2 }), { tolerance: 1e-9, maxIterations: 50_000 })
 */
export function minimize(
  objective: Objective | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number>,
  rule: Rule | CustomRule | Method,
  options?: MethodOptions,
): MinimizeResult
export function minimize(
  objective: Objective | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number>,
  rule: Rule | CustomRule,
  options?: MinimizeOptions,
): MinimizeResult
export function minimize(
  objective: Objective | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number>,
  rule: Rule | CustomRule | Method,
  options?: MinimizeOptions,
): MinimizeResult {
  const minimization = new Minimization(objective, x, rule as Rule, options)
  while (minimization.step());
  const { params, value, gradientNorm, iterations, evaluations, maxChange, gradientSource } = minimization
  const { engine, engineReasons } = minimization
  const reason = minimization.reason as MinimizeReason
  const numbers = { x: params.slice(), value, gradientNorm, iterations, evaluations }
  return { ...numbers, reason, maxChange, gradientSource, engine, engineReasons }
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
  /** Where it is: live parameters, to be read. */
  readonly params: FloatArray
  /** Whether the objective gave its gradient or differences stand in for it. */
  readonly gradientSource: MinimizeResult['gradientSource']
  /** What runs. */
  readonly engine: EngineName
  /** Why this engine, and why not another. */
  readonly engineReasons: readonly string[]

  readonly #descent: Descent
  readonly #value: (x: ArrayLike<number>) => number
  readonly #gradient: Required<Objective>['gradient']
  readonly #callback: MinimizeOptions['callback']
  readonly #tolerance: number
  readonly #box: BoundsBox | null
  readonly #maxIterations: number
  readonly #before: FloatArray
  readonly #isSingle: boolean
  readonly #evaluations = { values: 0, gradients: 0 }
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
    rule: Rule | CustomRule | Method,
    options?: MethodOptions,
  )
  constructor(
    objective: Objective | ((x: ArrayLike<number>) => number),
    x: ArrayLike<number>,
    rule: Rule | CustomRule,
    options?: MinimizeOptions,
  )
  constructor(
    objective: Objective | ((x: ArrayLike<number>) => number),
    x: ArrayLike<number>,
    rule: Rule | CustomRule | Method,
    options: MinimizeOptions = {},
  ) {
    const read = readOptions(options, isMethod(rule))
    const { tolerance, maxIterations, dtype, callback, bounds, clip, engine, instructionSet, threads } = read
    const around = { clip, engine, instructionSet, threads }
    const { value: given, gradient, names } = readObjective(objective)
    const from = copyStart(x, dtype)
    const box = readBounds(bounds, {
      names,
      length: from.length,
      dtype: from instanceof Float32Array ? 'float32' : 'float64',
    })
    const evaluations = this.#evaluations
    const value = (at: ArrayLike<number>) => {
      evaluations.values++
      return given(at)
    }
    this.#value = value
    this.#gradient =
      gradient === undefined
        ? centralDifferences(value, new Float64Array(from.length), undefined, box)
        : (at, out) => {
            evaluations.gradients++
            return gradient(at, out)
          }
    const problem = { start: from, value, gradient: this.#gradient, tolerance }
    this.#descent = isMethod(rule)
      ? begin(rule, problem)
      : new RuleDescent(rule, problem, around as OptimizerOptions, box)
    this.params = this.#descent.params
    this.engine = this.#descent.engine
    this.engineReasons = this.#descent.engineReasons
    this.gradientSource = gradient ? 'analytic' : 'central-differences'
    this.#callback = callback
    this.#tolerance = tolerance
    this.#box = box
    this.#maxIterations = maxIterations
    this.#before = this.params.slice()
    this.#isSingle = from instanceof Float32Array
    if (maxIterations === 0) this.#reason = 'max-iterations'
  }

  /** The objective at `params`. */
  get value(): number {
    return this.#valueHere ?? this.#value(this.params)
  }

  /** The largest |gᵢ| at the last update, before clipping and decay; NaN before the first, or if one is. */
  get gradientNorm(): number {
    return this.#iterations === 0 ? NaN : largest(this.#descent.grads)
  }

  /** How many updates were made. */
  get iterations(): number {
    return this.#iterations
  }

  /** How often the objective was asked so far. */
  get evaluations(): Evaluations {
    return { ...this.#evaluations }
  }

  /** The largest |θ_{t+1} − θ_t| of the last update; NaN before the first. */
  get maxChange(): number {
    return this.#change
  }

  /** Why it has stopped; null while it has not. */
  get reason(): MinimizeReason | null {
    return this.#reason
  }

  /** One update, unless it has stopped; `false` when it has. */
  step(): boolean {
    if (this.#reason !== null) return false
    const descent = this.#descent
    this.#valueHere = descent.update()
    const iterations = ++this.#iterations
    const change = largestChange(this.params, this.#before, this.#isSingle)
    this.#change = change
    if (!(change < Infinity)) this.#reason = 'diverged'
    else if (this.#callback?.(this.params, iterations) === true) this.#reason = 'callback'
    else if ((change < this.#tolerance && iterations > descent.exempt) || descent.isStuck)
      this.#reason = this.#whenShort(change)
    else if (iterations >= this.#maxIterations)
      this.#reason = this.#isFinite() ? 'max-iterations' : 'diverged'
    else this.#shortSince = null
    return this.#reason === null
  }

  /** What a step below the tolerance means. */
  #whenShort(change: number): MinimizeReason | null {
    if (!this.#isFinite()) return 'diverged'
    const descent = this.#descent
    const decay = descent.decay()
    const gradient = (x: FloatArray, out: FloatArray) => {
      this.#gradient(x, out)
      return undefined
    }
    const rests = hasConverged(gradient, this.params, descent.gradsHere(), {
      tolerance: this.#tolerance,
      decay,
      box: this.#box,
    })
    if (runToEnd(rests)) return 'converged'
    if (descent.isStuck) return 'stalled'
    const iterations = this.#iterations
    if (iterations >= this.#maxIterations) return 'max-iterations'
    const gradientNorm = freeNorm(this.params, descent.grads, decay, this.#box)
    const since = this.#shortSince
    const isGettingOn =
      since === null || gradientNorm < 0.99 * since.gradientNorm || change > 1.01 * since.change
    if (isGettingOn) this.#shortSince = { iterations, change, gradientNorm }
    else if (iterations - since.iterations >= PATIENCE) return 'stalled'
    return null
  }

  /** Whether value, gradient and state are; the parameters are known to be. */
  #isFinite(): boolean {
    this.#valueHere ??= this.#value(this.params)
    return [this.#valueHere, this.gradientNorm, ...this.#descent.state().map(largest)].every(Number.isFinite)
  }
}

/** When runs end. */
export const stoppingOptions = { tolerance: nonNegative(1e-9), maxIterations: integerAtLeast(0, 10_000) }

const methodOptions = {
  ...stoppingOptions,
  dtype: dtype(),
  callback: optional(callback<NonNullable<MinimizeOptions['callback']>>()),
}

const table = {
  ...methodOptions,
  bounds: passThrough(),
  clip: passThrough(),
  engine: passThrough(),
  instructionSet: passThrough(),
  threads: passThrough(),
} satisfies Record<keyof MinimizeOptions, Option>

/** @throws OptionError where these are no options, or one is unknown, not for a method, or not what it has to be */
function readOptions(given: object, isForMethod: boolean): ValuesOf<typeof table> {
  if (!isForMethod) return readOptionsOf('options', given, table)
  // Others may be there, undefined.
  const others = createRecord(Object.keys(given ?? {}), () => passThrough())
  const options = readOptionsOf('options', given, { ...others, ...table })
  const stranger = Object.keys(omitUndefined(options)).find((name) => !Object.hasOwn(methodOptions, name))
  if (stranger === undefined) return options
  const names = Object.keys(methodOptions).join(', ')
  throw new OptionError('options', `one of ${names} where a method runs instead of a rule`, stranger)
}

/** The largest |xᵢ − beforeᵢ|, NaN if one is, in the dtype, as many runs at once do it; `before` becomes x. */
function largestChange(x: FloatArray, before: FloatArray, isSingle: boolean): number {
  let largest = 0
  for (let i = 0; i < x.length; i++) {
    const now = x[i]
    const by = now - before[i]
    largest = Math.max(largest, Math.abs(isSingle ? Math.fround(by) : by))
    before[i] = now
  }
  return largest
}

function copyStart(x: ArrayLike<number>, dtype: Dtype | undefined): FloatArray {
  const read = readStart(x)
  return dtype === undefined ? read : dtype === 'float32' ? Float32Array.from(read) : Float64Array.from(read)
}
