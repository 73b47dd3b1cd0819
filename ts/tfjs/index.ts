/** Optimizers for TensorFlow.js models (`model.compile`) with any rule of antigrad. */

import { OptionError } from '../core/errors.js'
import type { LoadOptions, Optimizer } from '../optimizer.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import type { TfjsOptions, VariableContent } from './options.js'
import type { NamedTensor, Tfjs, TfjsModule, TfjsTensor } from './types.js'
import { type InnerOptimizer, VariableRun } from './variable-run.js'

export type { TfjsOptions, VariableContent } from './options.js'
export type { NamedTensor, Tfjs, TfjsTensor, Variable } from './types.js'

/** Members of the optimizer that other TensorFlow.js optimizers do not have. */
export interface TfjsOptimizer<R extends Rule | CustomRule = Rule, N extends Rule['name'] = never> {
  /**
   * The underlying optimizer, whose tensors have the names of the variables; null before the first step. You can use
   * the members `set`, `freeze`, `unfreeze`, `report` and `lastStep` of the underlying optimizer. Tensors are added and
   * updated automatically.
   */
  readonly optimizer: Optimizer<Readonly<Record<string, Float32Array>>, R, N> | null

  /**
   * Writes parameters into the variables. During training, the variables contain the point at which the rule needs the
   * next gradient. For all rules except Schedule-Free rules and Nesterov's shifted form, this point equals the
   * parameters. Call `show('params')` or `show('average')` to evaluate a model, and `show('gradientPoint')` before
   * resuming training or saving the model with its optimizer.
   *
   * @throws OptionError if no step has been made yet, if `what` is invalid, or if the optimizer has no average
   */
  show(what: VariableContent): void

  getWeights(): Promise<NamedTensor[]>
  setWeights(weights: readonly NamedTensor[]): Promise<void>
}

/** Constructor of optimizers for one copy of TensorFlow.js. */
export interface TfjsOptimizerClass<O> {
  /**
   * @param rule update rule, such as `adamw({ lr: 1e-3 })`
   * @throws the errors of the constructor of `Optimizer`
   */
  new <R extends Rule | CustomRule, N extends Rule['name'] = never>(
    rule: R,
    options?: TfjsOptions<R, N>,
  ): O & TfjsOptimizer<R, N>
  readonly className: 'Antigrad'
}

const classes = new WeakMap<object, unknown>()

/**
 * Creates the class of antigrad's optimizers for a copy of TensorFlow.js, and registers the class for loading saved
 * models. Call this function before `loadLayersModel`. The function does not import TensorFlow.js, so that your program
 * contains only one copy of TensorFlow.js.
 *
 * Parameters and state are stored in an `Optimizer`. Each step reads the gradients and writes new values to the
 * variables. No tensor outlives a step. Other assignments to variables are detected, and training continues from the
 * assigned values.
 *
 * @param tf the module, as in `import * as tf from '@tensorflow/tfjs'`
 * @param _imports `rules` and `schedules` that loaded models may contain and that the program does not call otherwise,
 * as in `Optimizer.load`
 * @throws OptionError if `tf` is not TensorFlow.js
 * @example
 * const TfjsOptimizer = optimizerClass(tf)
 * model.compile({ optimizer: new TfjsOptimizer(adamw({ lr: 1e-3 })), loss: 'meanSquaredError' })
 */
export function optimizerClass<T extends Tfjs>(
  tf: T,
  _imports: Pick<LoadOptions, 'rules' | 'schedules'> = {},
): TfjsOptimizerClass<InstanceType<T['Optimizer']>> {
  const used = tf as unknown as TfjsModule | null | undefined
  if (typeof used?.Optimizer !== 'function' || typeof used.engine !== 'function') {
    throw new OptionError('tf', "TensorFlow.js (import * as tf from '@tensorflow/tfjs')", tf)
  }
  const made = classes.get(used.Optimizer) ?? makeClass(used)
  classes.set(used.Optimizer, made)
  return made as TfjsOptimizerClass<InstanceType<T['Optimizer']>>
}

function makeClass(tf: TfjsModule): unknown {
  class Antigrad extends tf.Optimizer {
    static readonly className = 'Antigrad'

    static fromConfig(_: unknown, config: { readonly antigrad: string }): Antigrad {
      const { rule, options } = JSON.parse(config.antigrad)
      return new Antigrad(rule, options)
    }

    readonly #run: VariableRun
    /** Tensors that were returned for saving. The next step disposes these tensors. */
    #lent: NamedTensor[] = []

    constructor(rule: Rule | CustomRule, options: TfjsOptions = {}) {
      super()
      this.#run = new VariableRun(tf, rule, options)
    }

    get optimizer(): InnerOptimizer | null {
      return this.#run.optimizer
    }

    get iterations(): number {
      return this.optimizer?.updates ?? 0
    }

    applyGradients(given: readonly NamedTensor[] | Readonly<Record<string, TfjsTensor>>): void {
      this.#run.checkPoint('applyGradients')
      const gradients = this.#run.readGradients(given)
      this.dispose()
      this.#run.step(gradients)
    }

    show(what: VariableContent): void {
      this.#run.show(what)
    }

    async getWeights(): Promise<NamedTensor[]> {
      this.#run.checkPoint('getWeights')
      this.dispose()
      this.#lent = this.#run.getWeights()
      return this.#lent
    }

    async setWeights(weights: readonly NamedTensor[]): Promise<void> {
      await this.#run.setWeights(weights)
    }

    getConfig(): object {
      return this.#run.getConfig()
    }

    dispose(): void {
      for (const { tensor } of this.#lent) tensor.dispose()
      this.#lent = []
    }
  }
  tf.serialization.registerClass(Antigrad)
  return Antigrad
}
