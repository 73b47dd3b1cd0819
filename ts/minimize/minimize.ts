import { OptionError } from '../core/errors.js'
import { type Dtype, type FloatArray, largest } from '../core/numbers.js'
import { runToEnd } from '../core/slices.js'
import { createRecord, isRecord, omitUndefined } from '../core/untrusted-input.js'
import type { EngineName } from '../engines/engine.js'
import { extensions } from '../extensions.js'
import type { OptimizerOptions } from '../model/options.js'
import { readNamedStart, readObjective, readStart } from '../objectives/arguments.js'
import { type Bounds, type BoundsBox, clamp, readBounds } from '../objectives/bounds.js'
import { centralDifferences } from '../objectives/gradient.js'
import type { Objective, TwiceDifferentiable } from '../objectives/objective.js'
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
import { largestChange, reasonOf } from './change.js'
import type { ConstrainedMethod, Constraint, ConstraintReport } from './constraints.js'
import type { RunInProgress, ShortSteps } from './continuation.js'
import { freeNorm, hasConverged, PATIENCE } from './convergence.js'
import { begin, constrain, type Descent, isMethod, type Method, unsupported } from './method.js'
import type { ConstrainedReason, MinimizeReason } from './reasons.js'
import { RuleDescent } from './rule-method.js'

/** Options of a minimization: stopping criteria, dtype, bounds, and some options of an `Optimizer`. */
export interface MinimizeOptions
  extends Pick<OptimizerOptions, 'clip' | 'engine' | 'instructionSet' | 'threads'> {
  /**
   * Convergence tolerance; default 1e-9. The run stops if the gradient is small and an update changes every parameter
   * by less than the tolerance. With a tolerance of 0, a run never converges.
   */
  readonly tolerance?: number
  /** Maximum number of updates; default 10,000. */
  readonly maxIterations?: number
  /** Dtype of the run if x is a plain array of numbers; default float64. */
  readonly dtype?: 'float32' | 'float64'
  /**
   * Lower and upper bound of each parameter, in the order of x. If the objective has `parameters`, like an expression,
   * bounds can also be given by name. The starting point and the result of each update are moved to the closest point
   * within the bounds. The objective is never evaluated outside of the bounds.
   */
  readonly bounds?: Bounds
  /**
   * Callback, called after each update with the live parameters and the count of updates. Returning `true` stops the
   * run. If an update is not finite, the run ends without calling the callback.
   */
  readonly callback?: (x: FloatArray, iteration: number) => boolean | void
}

/** Options for a method such as `lbfgs()`. `minimize` runs methods in TypeScript. */
export type MethodOptions = Pick<MinimizeOptions, Exclude<keyof typeof methodOptions, 'constraints'>>

/** Options for a method that supports constraints, such as `sqp()`. */
export interface ConstrainedOptions extends MethodOptions {
  /** Constraints on the parameters; none by default. */
  readonly constraints?: readonly Constraint[]
}

/** Counts of value and gradient evaluations. Evaluations for central differences count as evaluations of the value. */
export interface Evaluations {
  readonly values: number
  readonly gradients: number
}

/** Result of a minimization. */
export interface MinimizeResult {
  /** The last point of the run, in its dtype. */
  readonly x: FloatArray
  /** Value of the objective at x. */
  readonly value: number
  /**
   * Largest |gᵢ| at the last update, before clipping and decay; NaN if no update was performed, or if an element is
   * NaN. The value can be large if a parameter is at a bound. NaN with `nelderMead()`.
   */
  readonly gradientNorm: number
  /** Count of updates that were performed. */
  readonly iterations: number
  /** Counts of evaluations of the objective. */
  readonly evaluations: Evaluations
  /** Reason why the run stopped; see {@link MinimizeReason}. */
  readonly reason: MinimizeReason
  /** Largest |θ_{t+1} − θ_t| of the last update, within the bounds; NaN if no update was performed. */
  readonly maxChange: number
  /**
   * The parameters by name, if the objective has `parameters`, as an expression has; otherwise undefined.
   */
  readonly values: Readonly<Record<string, number>> | undefined
  /** Indices in `x` of the parameters that are at a bound, in ascending order. */
  readonly atBound: readonly number[]
  /**
   * Largest |P(xᵢ − gᵢ) − xᵢ|, where P moves a number into the bounds: 0 at a minimum within the bounds. With bounds,
   * the gradient g is evaluated once more at x, which `evaluations` does not count. Without bounds the number is
   * `gradientNorm`. NaN with `nelderMead()`.
   */
  readonly projectedGradientNorm: number
  /** Source of the gradient: the objective, or central differences; 'none' with the method `nelderMead()`. */
  readonly gradientSource: 'analytic' | 'central-differences' | 'none'
  /** Name of the engine that performed the run. */
  readonly engine: EngineName
  /** Reasons for the choice of the engine. */
  readonly engineReasons: readonly string[]
}

/** An objective whose parameters have names, such as an expression. */
export interface NamedObjective<Names extends string> extends TwiceDifferentiable {
  readonly parameters: readonly Names[]
}

/** Result of a minimization whose parameters have names. */
export interface NamedMinimizeResult<Names extends string> extends MinimizeResult {
  readonly values: Readonly<Record<Names, number>>
}

/** A starting point by name. */
export type NamedStart<Names extends string = string> = Readonly<Record<Names, number>>

/** Result of a minimization with constraints. */
export interface ConstrainedResult extends Omit<MinimizeResult, 'reason'>, ConstraintReport {
  /** Reason why the run stopped; see {@link ConstrainedReason}. */
  readonly reason: ConstrainedReason
}

/** Result of a minimization with constraints whose parameters have names. */
export interface NamedConstrainedResult<Names extends string> extends ConstrainedResult {
  readonly values: Readonly<Record<Names, number>>
}

type RunNumbers = Pick<
  MinimizeResult,
  'x' | 'value' | 'gradientNorm' | 'iterations' | 'evaluations' | 'reason' | 'maxChange'
>

/**
 * Minimizes a function from a starting point by an update rule, or by a method such as `lbfgs()`.
 *
 * A run converges if an update changes every parameter by less than the tolerance, and the gradient is small.
 * Convergence is not tested during the warm-up or the delayed start of a rule. Short steps do not count as convergence
 * if the gradient is not small. To decide whether the gradient is small, the gradient is also evaluated at up to three
 * nearby points.
 *
 * @param objective an object `{ value, gradient }`, or a function of x alone. For a function, the gradient is computed
 * by central differences with step ∛ε·max(1, |xᵢ|), which take 2n values per update. The method `newton()` also needs
 * `hessian(x, out)`, which expressions have. The method `nelderMead()` needs no gradient.
 * @param x starting point of any length ≥ 1; copied. A typed array keeps its dtype. If the objective has `parameters`,
 * as an expression has, `x` may also be an object with a number per parameter.
 * @param rule an update rule such as `adam({ lr: 1e-2 })`, or a method such as `lbfgs()`, which accepts no `clip` and
 * no engine options
 * @throws OptionError, TensorError or EngineError like `new Optimizer`, before the first update; OptionError if the
 * gradient does not fill all of `out`
 * @example
 * minimize(rosenbrock(), [-1.5, 2], adam({ lr: 1e-2 }), { tolerance: 1e-9, maxIterations: 50_000 })
 * minimize(expression('(x - 1)^2 + (y + x)^2'), { x: 0, y: 2 }, lbfgs(), { bounds: { y: [0, 3] } })
 */
export function minimize<Names extends string, Start extends NamedStart<Names>>(
  objective: NamedObjective<Names>,
  x: ArrayLike<number> | Start,
  method: ConstrainedMethod,
  options?: ConstrainedOptions,
): NamedConstrainedResult<Names | (keyof Start & string)>
export function minimize(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number>,
  method: ConstrainedMethod,
  options?: ConstrainedOptions,
): ConstrainedResult
export function minimize<Names extends string>(
  objective: NamedObjective<Names>,
  x: ArrayLike<number> | NamedStart<Names>,
  rule: Rule | CustomRule | Method,
  options?: MethodOptions,
): NamedMinimizeResult<Names>
export function minimize<Names extends string>(
  objective: NamedObjective<Names>,
  x: ArrayLike<number> | NamedStart<Names>,
  rule: Rule | CustomRule,
  options?: MinimizeOptions,
): NamedMinimizeResult<Names>
export function minimize(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number>,
  rule: Rule | CustomRule | Method,
  options?: MethodOptions,
): MinimizeResult
export function minimize(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number>,
  rule: Rule | CustomRule,
  options?: MinimizeOptions,
): MinimizeResult
export function minimize(
  objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
  x: ArrayLike<number> | NamedStart,
  rule: Rule | CustomRule | Method,
  options?: MinimizeOptions,
): MinimizeResult | ConstrainedResult {
  return new Minimization(objective as NamedObjective<string>, x, rule as Rule, options).finish()
}

/**
 * Count of updates before a run continues on an engine. The preparation of the engine takes as long as about this many
 * updates.
 */
const MIN_UPDATES = 64

/**
 * Performs {@link minimize} one update at a time, for animations or for runs that can be paused. `Minimization` takes
 * the same arguments as `minimize` and visits the same points.
 *
 * @example
 * const minimization = new Minimization(rosenbrock(), [-1.5, 2], adam({ lr: 1e-2 }))
 * while (minimization.step()) console.log(minimization.params)
 * console.log(minimization.reason)
 */
export class Minimization {
  /** Current point: the live parameters, read-only. */
  readonly params: FloatArray
  /** Source of the gradient: the objective, or central differences. */
  readonly gradientSource: MinimizeResult['gradientSource']
  /** Name of the engine that runs. */
  readonly engine: EngineName
  /** Reasons for the choice of the engine. */
  readonly engineReasons: readonly string[]

  readonly #descent: Descent
  readonly #value: (x: ArrayLike<number>) => number
  readonly #gradient: Required<Objective>['gradient']
  readonly #callback: MinimizeOptions['callback']
  readonly #tolerance: number
  readonly #box: BoundsBox | null
  readonly #names: readonly string[] | null
  /** The gradient, whose evaluations are not counted. */
  readonly #plainGradient: Required<Objective>['gradient']
  readonly #maxIterations: number
  readonly #before: FloatArray
  readonly #isSingle: boolean
  readonly #evaluations = { values: 0, gradients: 0 }
  /** Arguments for the extension `continueRun`; null if the extension does not support the arguments. */
  readonly #continuable: Pick<RunInProgress, 'objective' | 'settings'> | null
  #iterations = 0
  #change = NaN
  #reason: MinimizeReason | null = null
  /** Value of the objective at the current parameters, or undefined if the value is unknown. */
  #valueHere: number | undefined
  /**
   * Update at which steps became short although the gradient is not small; null if the last step was not short.
   */
  #shortSince: ShortSteps | null = null

  /** Accepts the arguments of {@link minimize} and throws the errors of {@link minimize}. */
  constructor(
    objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
    x: ArrayLike<number> | NamedStart,
    method: ConstrainedMethod,
    options?: ConstrainedOptions,
  )
  constructor(
    objective: NamedObjective<string>,
    x: ArrayLike<number> | NamedStart,
    rule: Rule | CustomRule | Method,
    options?: MethodOptions,
  )
  constructor(
    objective: NamedObjective<string>,
    x: ArrayLike<number> | NamedStart,
    rule: Rule | CustomRule,
    options?: MinimizeOptions,
  )
  constructor(
    objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
    x: ArrayLike<number>,
    rule: Rule | CustomRule | Method,
    options?: MethodOptions,
  )
  constructor(
    objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
    x: ArrayLike<number>,
    rule: Rule | CustomRule,
    options?: MinimizeOptions,
  )
  constructor(
    objective: TwiceDifferentiable | ((x: ArrayLike<number>) => number),
    x: ArrayLike<number> | NamedStart,
    rule: Rule | CustomRule | Method,
    options: MinimizeOptions = {},
  ) {
    const read = readOptions(options, isMethod(rule))
    const { tolerance, maxIterations, dtype, callback, bounds, clip, engine, instructionSet, threads } = read
    const constrained = constrain(rule, readObjective(objective), read.constraints, x)
    const { value: given, gradient, hessian, both, names } = constrained.objective
    const from = copyStart(x, dtype, names)
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
    const problem = {
      start: from,
      value,
      gradient: this.#gradient,
      both:
        both &&
        ((at: FloatArray, out: FloatArray, second?: FloatArray, isKnown = false) => {
          if (!isKnown) evaluations.values++
          evaluations.gradients++
          return both(at, out, second)
        }),
      hessian: () => gradient && hessian(),
      tolerance,
      box,
      constraints: constrained.constraints,
    }
    this.#descent = isMethod(rule)
      ? begin(rule, problem)
      : new RuleDescent(rule, problem, { clip, engine, instructionSet, threads } as OptimizerOptions, box)
    // A value that is no rule at all was refused above.
    if (read.constraints !== undefined && !isMethod(rule)) throw unsupported((rule as Rule).name)
    this.params = this.#descent.params
    this.engine = this.#descent.engine
    this.engineReasons = this.#descent.engineReasons
    const { outcome, report } = this.#descent
    this.gradientSource =
      outcome !== undefined && !report ? 'none' : gradient ? 'analytic' : 'central-differences'
    this.#callback = callback
    this.#continuable =
      callback === undefined && clip === undefined && gradient
        ? { objective, settings: { instructionSet, threads } }
        : null
    this.#tolerance = tolerance
    this.#box = box
    this.#names = names
    this.#plainGradient = gradient ?? centralDifferences(given, new Float64Array(from.length), undefined, box)
    this.#maxIterations = maxIterations
    this.#before = this.params.slice()
    this.#isSingle = from instanceof Float32Array
    if (maxIterations === 0) this.#reason = 'max-iterations'
  }

  /** Value of the objective at `params`. */
  get value(): number {
    return this.#valueHere ?? this.#value(this.params)
  }

  /**
   * Largest |gᵢ| at the last update, before clipping and decay; NaN before the first update, or if an element is NaN.
   */
  get gradientNorm(): number {
    return this.#iterations === 0 ? NaN : largest(this.#descent.grads)
  }

  /** Count of updates that were performed. */
  get iterations(): number {
    return this.#iterations
  }

  /** Counts of evaluations of the objective so far. */
  get evaluations(): Evaluations {
    return { ...this.#evaluations }
  }

  /** Largest |θ_{t+1} − θ_t| of the last update; NaN before the first update. */
  get maxChange(): number {
    return this.#change
  }

  /**
   * Reason why the run stopped; null while the run continues. With `sqp()`, the reason may also be a
   * {@link ConstrainedReason}.
   */
  get reason(): MinimizeReason | null {
    return this.#reason
  }

  /** Performs one update, unless the run has already stopped. Returns `false` once the run has stopped. */
  step(): boolean {
    if (this.#reason !== null) return false
    const descent = this.#descent
    this.#valueHere = descent.update()
    const iterations = ++this.#iterations
    const change = largestChange(this.params, this.#before, this.#isSingle)
    this.#change = change
    if (!(change < Infinity))
      this.#reason = (descent.outcome as MinimizeReason | null | undefined) ?? 'diverged'
    else if (this.#callback?.(this.params, iterations) === true) this.#reason = 'callback'
    else if (descent.outcome !== undefined)
      this.#reason = reasonOf(descent.outcome as MinimizeReason | null, {
        change,
        iterations,
        maxIterations: this.#maxIterations,
      })
    else if ((change < this.#tolerance && iterations > descent.exempt) || descent.isStuck)
      this.#reason = this.#whenShort(change)
    else if (iterations >= this.#maxIterations)
      this.#reason = this.#isFinite() ? 'max-iterations' : 'diverged'
    else this.#shortSince = null
    return this.#reason === null
  }

  /** @internal Performs all remaining updates. */
  finish(): MinimizeResult {
    const { gradientSource, engine, engineReasons } = this
    let end: RunNumbers | undefined
    // In Node, the engine may not be loaded at the first request.
    for (let wanted = MIN_UPDATES; this.#reason === null && end === undefined; wanted *= 2) {
      while (this.#iterations < wanted && this.step());
      end = this.#continue()
    }
    const numbers = end ?? this.#end()
    const { x, gradientNorm } = numbers
    const names = this.#names
    const more = {
      values: names === null ? undefined : createRecord(names, (_, i) => x[i]),
      atBound: this.#atBound(x),
      projectedGradientNorm: this.#projectedNorm(x, gradientNorm),
      gradientSource,
      engine,
      engineReasons,
    }
    // The function takes a fraction of the time of an object with spreads.
    return Object.assign(numbers, more, this.#descent.report?.())
  }

  #atBound(x: FloatArray): number[] {
    const box = this.#box
    return box === null ? [] : [...x.keys()].filter((i) => x[i] <= box.min[i] || x[i] >= box.max[i])
  }

  #projectedNorm(x: FloatArray, gradientNorm: number): number {
    const box = this.#box
    if (box === null || this.#iterations === 0 || this.gradientSource === 'none') return gradientNorm
    const moved = x.slice()
    this.#plainGradient(x, moved)
    return largest(moved.map((g, i) => clamp(x[i] - g, box.min[i], box.max[i]) - x[i]))
  }

  #end(): RunNumbers {
    const { params, value, gradientNorm, iterations, evaluations, maxChange } = this
    const reason = this.#reason as MinimizeReason
    return { x: params.slice(), value, gradientNorm, iterations, evaluations, reason, maxChange }
  }

  /** Performs the remaining updates on an engine; undefined if no engine supports the run. */
  #continue(): RunNumbers | undefined {
    const descent = this.#descent
    if (this.#reason !== null || this.#continuable === null || !(descent instanceof RuleDescent)) return
    const end = extensions.continueRun?.({
      ...this.#continuable,
      ...descent.position(),
      iterations: this.#iterations,
      maxIterations: this.#maxIterations,
      tolerance: this.#tolerance,
      box: this.#box,
      shortSince: this.#shortSince,
      engine: this.engine,
    })
    if (end === undefined) return
    const { x, value, gradientNorm, iterations, values, gradients, reason, maxChange } = end
    const before = this.#evaluations
    const evaluations = { values: before.values + values, gradients: before.gradients + gradients }
    return { x, value, gradientNorm, iterations, evaluations, reason, maxChange }
  }

  /** Decides whether the run ends after a step that is shorter than the tolerance. */
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
      startNorm: descent.startNorm,
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

  /** Whether the value, the gradient and the state are finite. The parameters are already known to be finite. */
  #isFinite(): boolean {
    this.#valueHere ??= this.#value(this.params)
    return [this.#valueHere, this.gradientNorm, ...this.#descent.state().map(largest)].every(Number.isFinite)
  }
}

/** Stopping criteria of runs. */
export const stoppingOptions = { tolerance: nonNegative(1e-9), maxIterations: integerAtLeast(0, 10_000) }

const methodOptions = {
  ...stoppingOptions,
  dtype: dtype(),
  callback: optional(callback<NonNullable<MinimizeOptions['callback']>>()),
  bounds: passThrough(),
  constraints: passThrough(),
}

const table = {
  ...methodOptions,
  clip: passThrough(),
  engine: passThrough(),
  instructionSet: passThrough(),
  threads: passThrough(),
} satisfies Record<keyof MinimizeOptions | 'constraints', Option>

/**
 * @throws OptionError if the options are not an object, or if an option is unknown, invalid or unavailable for a method
 */
function readOptions(given: object, isForMethod: boolean): ValuesOf<typeof table> {
  if (!isForMethod || !isRecord(given)) return readOptionsOf('options', given, table)
  // Options with the value undefined are accepted under any name.
  const options = omitUndefined({ ...given } as Record<string, unknown>)
  const stranger = Object.keys(options).find((name) => !Object.hasOwn(methodOptions, name))
  if (stranger === undefined) return readOptionsOf('options', options, table)
  const known = Object.keys(methodOptions).join(', ')
  throw new OptionError(
    'options',
    `one of ${known} (other options need a rule instead of a method)`,
    stranger,
  )
}

function copyStart(x: unknown, dtype: Dtype | undefined, names: readonly string[] | null): FloatArray {
  const read = readStart(names !== null && isRecord(x) ? readNamedStart(x, names) : x)
  return dtype === undefined ? read : dtype === 'float32' ? Float32Array.from(read) : Float64Array.from(read)
}
