/** Minimization by an update rule, run by an optimizer. */

import { copyArray } from '../core/copy.js'
import type { FloatArray } from '../core/numbers.js'
import type { OptimizerOptions } from '../model/options.js'
import { type BoundsBox, project } from '../objectives/bounds.js'
import { requireWritten } from '../objectives/gradient.js'
import { Optimizer } from '../optimizer.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import { resolve } from '../rules/resolve.js'
import { makeRuleSchedule } from '../rules/values.js'
import { warmupSteps } from '../schedules/schedule.js'
import type { RunInProgress } from './continuation.js'
import type { DecayTerms } from './convergence.js'
import type { Descent, MinimizationProblem } from './method.js'

/**
 * Number of updates between two checks that the gradient fills `out`. A check of the gradient in every update would
 * take noticeable time.
 */
const CHECKED_UPDATES = 32

export class RuleDescent implements Descent {
  readonly engine: Descent['engine']
  readonly engineReasons: Descent['engineReasons']
  readonly params: FloatArray
  readonly grads: FloatArray
  readonly exempt: number
  readonly isStuck = false
  readonly #optimizer: Optimizer<FloatArray, Rule | CustomRule>
  /** Gradient array that the optimizer reads, if this array differs from `grads`. */
  readonly #handedOver: FloatArray | null
  readonly #gradient: MinimizationProblem['gradient']
  readonly #fillingGradient: MinimizationProblem['gradient']
  readonly #box: BoundsBox | null
  /** Point of the next gradient, with the same views at each call. For most rules, the point equals the parameters. */
  readonly #point: FloatArray
  /**
   * The point of the next gradient, moved into the bounds. If parameters are bounded and the point differs from the
   * parameters, the point is a copy.
   */
  readonly #pointInside: FloatArray
  #updates = 0

  constructor(
    rule: Rule | CustomRule,
    { start, gradient }: MinimizationProblem,
    options: OptimizerOptions,
    box: BoundsBox | null,
  ) {
    const inside = box === null ? start : copyArray(start)
    if (box !== null) project(inside, box)
    const optimizer = new Optimizer(inside, rule, options)
    const { rule: checked, delay, definition } = resolve(optimizer.rule)
    this.engine = optimizer.engine
    this.engineReasons = optimizer.engineReasons
    this.params = optimizer.params
    // A stage may overwrite the gradient with its output for the next stage.
    const hasStages = definition.stages(checked as never).length > 1
    const { grads } = optimizer
    this.grads = hasStages ? grads.slice() : grads
    this.#handedOver = hasStages ? grads : null
    this.exempt = Math.max(delay, ...Object.values(checked).map(warmupSteps))
    this.#optimizer = optimizer
    this.#gradient = gradient
    this.#fillingGradient = requireWritten(gradient, this.grads)
    this.#box = box
    this.#point = optimizer.gradientPoint()
    this.#pointInside = box === null || this.#point === this.params ? this.#point : this.params.slice()
  }

  update(): undefined {
    const optimizer = this.#optimizer
    const point = this.#point
    const inside = this.#pointInside
    const box = this.#box
    if (point !== this.params) optimizer.gradientPoint()
    if (box !== null && inside !== point) {
      inside.set(point)
      project(inside, box)
    }
    const gradient = this.#updates % CHECKED_UPDATES === 0 ? this.#fillingGradient : this.#gradient
    gradient(inside, this.grads)
    this.#handedOver?.set(this.grads)
    optimizer.step()
    if (box !== null) project(this.params, box)
    this.#updates++
  }

  gradsHere(): FloatArray {
    if (this.#point === this.params) return this.grads
    const grads = this.grads.slice()
    this.#gradient(this.params, grads)
    return grads
  }

  state(): readonly FloatArray[] {
    return Object.values(this.position().state)
  }

  /** The rule, the parameters, and the state of the rule by name. */
  position(): Pick<RunInProgress, 'rule' | 'params' | 'state'> {
    const { rule, state: all } = this.#optimizer
    const { updates: _, ...state } = all as unknown as Record<string, FloatArray>
    return { rule, params: this.params, state }
  }

  decay(): DecayTerms {
    const { rule, definition } = resolve(this.#optimizer.rule)
    const numbers = (makeRuleSchedule(definition, rule)?.at(this.#updates - 1) ?? rule) as never
    const sign = rule.maximize === true ? -1 : 1
    // Cautious weight decay never moves a parameter against its update.
    const decoupled =
      Object.hasOwn(rule, 'cautiousWeightDecay') && rule.cautiousWeightDecay
        ? 0
        : 1 - definition.decay(numbers)
    return { l2: definition.l2(numbers), decoupled, sign }
  }
}
